-- One node whose lease is over, for us alone to bury: the write lock of the transaction excludes all others.
SELECT id
FROM dbjobs_job_node
WHERE lease_expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
ORDER BY id
LIMIT 1;
