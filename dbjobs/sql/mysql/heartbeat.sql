-- A lease that has lapsed but that nobody took is renewed. No row: others have taken over, for good.
UPDATE dbjobs_job_node
SET last_seen_at = UTC_TIMESTAMP(6), info = :info,
    lease_expires_at = UTC_TIMESTAMP(6) + INTERVAL :lease_seconds * 1000000 MICROSECOND
WHERE id = :node_id AND NOT buried;

-- The row is ours until the commit, if the statement above has found it. (Not ROW_COUNT(): on a cluster a guard runs in
-- between, and counts for itself.)
SELECT id FROM dbjobs_job_node WHERE id = :node_id AND NOT buried;
