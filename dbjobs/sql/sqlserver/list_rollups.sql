-- Everything counted since a moment: minutes, hours and days, each of which must reach past it. The primary key serves each.
-- READPAST: nobody is waited for. One JSON text: see claim_jobs.
DECLARE @since bigint = :since;
SELECT (
    SELECT
        r.period_seconds, r.starts, r.name, r.counter, r.queue, r.command, r.worker, r.completed, r.failed,
        r.cancelled, r.retried, r.run_ms, r.run_histogram, r.waits, r.wait_ms, r.wait_histogram
    FROM (
        SELECT
            period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
            run_histogram, waits, wait_ms, wait_histogram
        FROM dbjobs.job_rollup WITH (READPAST, READCOMMITTEDLOCK)
        WHERE period_seconds = 60 AND starts > @since - 60
        UNION ALL
        SELECT
            period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
            run_histogram, waits, wait_ms, wait_histogram
        FROM dbjobs.job_rollup WITH (READPAST, READCOMMITTEDLOCK)
        WHERE period_seconds = 3600 AND starts > @since - 3600
        UNION ALL
        SELECT
            period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
            run_histogram, waits, wait_ms, wait_histogram
        FROM dbjobs.job_rollup WITH (READPAST, READCOMMITTEDLOCK)
        WHERE period_seconds = 86400 AND starts > @since - 86400
    ) AS r
    FOR JSON PATH
) AS packed;
