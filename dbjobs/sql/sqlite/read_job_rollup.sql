-- How long attempts took, for a transfer: the page after a key (period_seconds, starts, name, counter).
SELECT *
FROM dbjobs_job_rollup
WHERE (period_seconds, starts, name, counter) > (:period_seconds, :starts, :name, :counter)
ORDER BY period_seconds, starts, name, counter
LIMIT :limit;
