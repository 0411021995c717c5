-- How long attempts took, for a transfer: the page after a key (period_seconds, starts, name, counter).
SELECT *
FROM dbjobs.job_rollup
WHERE (period_seconds, starts, name, counter)
    > (:period_seconds::integer, :starts::bigint, :name::text, :counter::bigint)
ORDER BY period_seconds, starts, name, counter
LIMIT :limit::integer;
