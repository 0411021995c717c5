-- No row: the lease has run out and others may have taken over. A node never renews a lease that is over.
UPDATE dbjobs_job_node
SET last_seen_at = UTC_TIMESTAMP(6), info = :info,
    lease_expires_at = UTC_TIMESTAMP(6) + INTERVAL :lease_seconds * 1000000 MICROSECOND
WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6);

SELECT n.id FROM (SELECT ROW_COUNT() AS renewed, :node_id AS id) n WHERE n.renewed > 0;
