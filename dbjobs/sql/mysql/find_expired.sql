-- Jobs that have not started in time. The index `expiry` serves it.
SELECT id
FROM dbjobs_background_job FORCE INDEX (expiry)
WHERE expires_at <= UTC_TIMESTAMP(6) AND node_id IS NULL AND state IN ('scheduled', 'waiting', 'queued')
ORDER BY expires_at
LIMIT :limit;
