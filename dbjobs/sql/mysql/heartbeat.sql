-- A lease that has lapsed but that nobody took is renewed. No row: others have taken over, for good.
UPDATE dbjobs_job_node
SET last_seen_at = UTC_TIMESTAMP(6), info = :info,
    lease_expires_at = UTC_TIMESTAMP(6) + INTERVAL :lease_seconds * 1000000 MICROSECOND
WHERE id = :node_id AND NOT buried;

SELECT n.id FROM (SELECT ROW_COUNT() AS renewed, :node_id AS id) n WHERE n.renewed > 0;
