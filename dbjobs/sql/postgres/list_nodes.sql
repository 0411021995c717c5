SELECT id, name, started_at, last_seen_at, lease_expires_at, lease_expires_at > clock_timestamp() AS alive, info, buried
FROM dbjobs.job_node
ORDER BY id;
