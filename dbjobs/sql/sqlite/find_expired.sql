-- Jobs that should have started by now but have not. Once a job has started (in back-off, handed back, in its
-- callback), it no longer expires. background_job_expiry serves it.
SELECT id
FROM dbjobs_background_job
WHERE expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
  AND attempt = 0
  AND state IN ('scheduled', 'waiting', 'queued')
ORDER BY expires_at
LIMIT :limit;
