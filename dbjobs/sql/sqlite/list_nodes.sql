-- @nodes
SELECT id, name, started_at, last_seen_at, lease_expires_at,
    lease_expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now') AS alive, info, buried
FROM dbjobs_job_node
ORDER BY id;
