-- Why attempts failed, for a transfer: the page after a key (period_seconds, starts, cause, counter).
SELECT *
FROM dbjobs.job_cause
WHERE (period_seconds, starts, cause, counter)
    > (:period_seconds::integer, :starts::bigint, :cause::text, :counter::bigint)
ORDER BY period_seconds, starts, cause, counter
LIMIT :limit::integer;
