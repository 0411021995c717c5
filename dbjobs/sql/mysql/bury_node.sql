-- Takes over, for good, a node whose lease has expired, in one transaction and one round trip. A claim in its name
-- holds the row for one round trip of its own; this then skips the row, and the caller comes again. If the last
-- heartbeat is in the future, the clock was set back. The lease then says nothing, and the caller has watched for its
-- whole length that nobody renewed it.
SELECT COUNT(*)
INTO @dead
FROM dbjobs_job_node
WHERE id = :node_id AND NOT buried AND (lease_expires_at <= UTC_TIMESTAMP(6) OR last_seen_at > UTC_TIMESTAMP(6))
FOR UPDATE SKIP LOCKED;

UPDATE dbjobs_job_node SET buried = 1 WHERE id = :node_id AND @dead = 1;

SELECT d.id FROM (SELECT :node_id AS id, @dead AS dead) d WHERE d.dead = 1;
