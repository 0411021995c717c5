-- Takes out rows of one period that are old enough to fold or to forget, some at a time; the caller of a fold puts
-- their sums in, in the same transaction. It skips rows that another node has locked.
DELETE FROM dbjobs.job_cause r
USING (
    SELECT period_seconds, starts, cause, counter
    FROM dbjobs.job_cause
    WHERE period_seconds = :period::integer AND starts < :before::bigint
    ORDER BY period_seconds, starts, cause, counter
    LIMIT :most::integer
    FOR UPDATE SKIP LOCKED
) o
WHERE r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.cause = o.cause AND r.counter = o.counter
RETURNING
    r.period_seconds, r.starts, r.cause, r.counter, r.command, r.code, r.frame, r.jobs, r.attempts, r.first_at,
    r.last_at, r.message, r.sample;
