SELECT id, name, started_at, last_seen_at, lease_expires_at, lease_expires_at > UTC_TIMESTAMP(6) AS alive, info, buried
FROM dbjobs_job_node
ORDER BY id;
