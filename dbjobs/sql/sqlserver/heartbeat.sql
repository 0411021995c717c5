-- No row: the node is buried, and others take over what it held. It also renews an expired lease that nobody took over.
DECLARE @node_id bigint = :node_id, @lease_seconds float = :lease_seconds, @info nvarchar(max) = :info;
UPDATE dbjobs.job_node
SET last_seen_at = SYSUTCDATETIME(), info = @info,
    lease_expires_at = DATEADD(millisecond, CONVERT(int, @lease_seconds * 1000), SYSUTCDATETIME())
OUTPUT inserted.id
WHERE id = @node_id AND buried = 0;
