-- How long these jobs were ready before they started. Only first attempts of jobs that waited for no others: their rows
-- tell since when they were ready.
SELECT id, (extract(epoch FROM started_at - greatest(created_at, run_after)) * 1000)::double precision AS wait_ms
FROM dbjobs.job
WHERE id = ANY (:ids::bigint[]) AND depends_on IS NULL AND attempt = 1 AND started_at IS NOT NULL;
