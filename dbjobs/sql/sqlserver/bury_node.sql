-- Buries a node whose lease has expired: from now on it can neither renew its lease nor claim, and any node may take
-- over what it holds. The exclusive lock does not wait for a claim in its name or a heartbeat (READPAST: it leaves such
-- a node for the next look), and lets none in. If the last heartbeat is in the future, the clock was set back. The
-- lease then says nothing, and the caller has watched for its whole length that nobody renewed it.
DECLARE @node_id bigint = :node_id;
DECLARE @buried TABLE (id bigint NOT NULL PRIMARY KEY);
BEGIN TRANSACTION;
INSERT INTO @buried (id)
SELECT n.id
FROM dbjobs.job_node AS n WITH (XLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE n.id = @node_id AND n.buried = 0
    AND (n.lease_expires_at <= SYSUTCDATETIME() OR n.last_seen_at > SYSUTCDATETIME());
UPDATE n
SET buried = 1
FROM @buried AS b
JOIN dbjobs.job_node AS n WITH (ROWLOCK, FORCESEEK) ON n.id = b.id;
COMMIT TRANSACTION;
SELECT id FROM @buried;
