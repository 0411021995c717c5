-- No row: the lease has run out and others may have taken over. A node never renews a lease that is over.
UPDATE dbjobs.job_node
SET last_seen_at = clock_timestamp(), info = :info::jsonb,
    lease_expires_at = clock_timestamp() + :lease_seconds::double precision * interval '1 second'
WHERE id = :node_id AND lease_expires_at > clock_timestamp()
RETURNING id;
