-- Takes out rows of one period that are old enough to fold, some at a time; the caller puts their sums in, in the same
-- transaction. It skips rows that another node is folding.
DELETE FROM dbjobs.job_rollup r
USING (
    SELECT period_seconds, starts, name, counter
    FROM dbjobs.job_rollup
    WHERE period_seconds = :period::integer AND starts < :before::bigint
    ORDER BY period_seconds, starts, name, counter
    LIMIT :most::integer
    FOR UPDATE SKIP LOCKED
) o
WHERE r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.name = o.name AND r.counter = o.counter
RETURNING
    r.period_seconds, r.starts, r.name, r.counter, r.queue, r.command, r.worker, r.completed, r.failed,
    r.cancelled, r.retried, r.run_ms, r.run_histogram, r.waits, r.wait_ms, r.wait_histogram;
