-- Also renews an expired lease that nobody took over. No row: others have taken over, for good.
UPDATE dbjobs_job_node
SET last_seen_at = UTC_TIMESTAMP(6), info = :info,
    lease_expires_at = UTC_TIMESTAMP(6) + INTERVAL :lease_seconds * 1000000 MICROSECOND
WHERE id = :node_id AND NOT buried;

-- If the statement above found the row, it is ours until the commit. (Not ROW_COUNT(): on a cluster a guard runs in
-- between, and counts for itself.)
SELECT id FROM dbjobs_job_node WHERE id = :node_id AND NOT buried;
