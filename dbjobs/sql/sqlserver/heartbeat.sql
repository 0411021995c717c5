-- No row: the lease has run out and others may have taken over. A node never renews a lease that is over.
DECLARE @node_id bigint = :node_id, @lease_seconds float = :lease_seconds, @info nvarchar(max) = :info;
UPDATE dbjobs.job_node
SET last_seen_at = SYSUTCDATETIME(), info = @info,
    lease_expires_at = DATEADD(millisecond, CONVERT(int, @lease_seconds * 1000), SYSUTCDATETIME())
OUTPUT inserted.id
WHERE id = @node_id AND lease_expires_at > SYSUTCDATETIME();
