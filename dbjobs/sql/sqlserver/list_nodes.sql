SELECT id, name, started_at, last_seen_at, lease_expires_at,
    CONVERT(bit, CASE WHEN lease_expires_at > SYSUTCDATETIME() THEN 1 ELSE 0 END) AS alive, info, buried
FROM dbjobs.job_node
ORDER BY id;
