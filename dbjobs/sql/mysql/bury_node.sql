-- Takes over a node whose lease is over, for good, in one transaction and one round trip. A claim in its name holds the row
-- for its own one round trip; then the row is passed by here, and the caller comes again.
SELECT COUNT(*)
INTO @dead
FROM dbjobs_job_node
WHERE id = :node_id AND lease_expires_at <= UTC_TIMESTAMP(6) AND NOT buried
FOR UPDATE SKIP LOCKED;

UPDATE dbjobs_job_node SET buried = 1 WHERE id = :node_id AND @dead = 1;

SELECT d.id FROM (SELECT :node_id AS id, @dead AS dead) d WHERE d.dead = 1;
