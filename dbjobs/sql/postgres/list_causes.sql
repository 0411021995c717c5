-- Why attempts failed, in rows that start in a span (seconds since 1970, :until excluded), newest first and at most
-- :most of each period. The primary key serves both looks, from its newest end.
(
    SELECT
        period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample
    FROM dbjobs.job_cause
    WHERE period_seconds = 3600 AND starts >= :since::bigint AND starts < :until::bigint
    ORDER BY starts DESC
    LIMIT :most::integer
)
UNION ALL
(
    SELECT
        period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample
    FROM dbjobs.job_cause
    WHERE period_seconds = 86400 AND starts >= :since::bigint AND starts < :until::bigint
    ORDER BY starts DESC
    LIMIT :most::integer
);
