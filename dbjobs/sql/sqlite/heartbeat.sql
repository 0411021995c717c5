-- No row: the lease has run out and others may have taken over. A node never renews a lease that is over.
UPDATE dbjobs_job_node
SET last_seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), info = :info,
    lease_expires_at = strftime('%Y-%m-%d %H:%M:%f', 'now', :lease_seconds || ' seconds')
WHERE id = :node_id AND lease_expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now')
RETURNING id;
