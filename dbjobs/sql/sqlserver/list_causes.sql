-- Why attempts failed, in rows that start in a span (seconds since 1970, :until excluded), newest first and at most
-- :most of each period. The primary key serves both looks, from its newest end.
-- READPAST: it waits for nobody. One JSON text: see claim_jobs.
DECLARE @since bigint = :since, @until bigint = :until, @most int = :most;
SELECT (
    SELECT
        r.period_seconds, r.starts, r.cause, r.counter, r.command, r.code, r.frame, r.jobs, r.attempts, r.first_at,
        r.last_at, r.message, r.sample
    FROM (
        SELECT * FROM (
            SELECT TOP (@most)
                period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message,
                sample
            FROM dbjobs.job_cause WITH (READPAST, READCOMMITTEDLOCK)
            WHERE period_seconds = 3600 AND starts >= @since AND starts < @until
            ORDER BY starts DESC
        ) AS hours
        UNION ALL
        SELECT * FROM (
            SELECT TOP (@most)
                period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message,
                sample
            FROM dbjobs.job_cause WITH (READPAST, READCOMMITTEDLOCK)
            WHERE period_seconds = 86400 AND starts >= @since AND starts < @until
            ORDER BY starts DESC
        ) AS days
    ) AS r
    FOR JSON PATH
) AS packed;
