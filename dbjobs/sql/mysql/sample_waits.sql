-- How long these jobs were ready before they started. Only first attempts of jobs that waited for no others: their rows
-- tell since when they were ready.
SELECT id, TIMESTAMPDIFF(MICROSECOND, GREATEST(created_at, COALESCE(run_after, created_at)), started_at) / 1e3 AS wait_ms
FROM dbjobs_background_job
WHERE id IN (:ids) AND depends_on IS NULL AND attempt = 1 AND started_at IS NOT NULL
UNION ALL
SELECT id, TIMESTAMPDIFF(MICROSECOND, GREATEST(created_at, COALESCE(run_after, created_at)), started_at) / 1e3 AS wait_ms
FROM dbjobs_completed_job
WHERE id IN (:ids) AND depends_on IS NULL AND attempt = 1 AND started_at IS NOT NULL
UNION ALL
SELECT id, TIMESTAMPDIFF(MICROSECOND, GREATEST(created_at, COALESCE(run_after, created_at)), started_at) / 1e3 AS wait_ms
FROM dbjobs_failed_job
WHERE id IN (:ids) AND depends_on IS NULL AND attempt = 1 AND started_at IS NOT NULL;
