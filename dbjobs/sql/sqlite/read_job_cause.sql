-- Why attempts failed, for a transfer: the page after a key (period_seconds, starts, cause, counter).
SELECT *
FROM dbjobs_job_cause
WHERE (period_seconds, starts, cause, counter) > (:period_seconds, :starts, :cause, :counter)
ORDER BY period_seconds, starts, cause, counter
LIMIT :limit;
