-- Jobs that have not started in time. background_job_expiry serves it.
SELECT id
FROM dbjobs_background_job
WHERE expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
  AND node_id IS NULL
  AND state IN ('scheduled', 'waiting', 'queued')
ORDER BY expires_at
LIMIT :limit;
