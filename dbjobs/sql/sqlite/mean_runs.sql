-- How long attempts of each command and named worker took, from the newest `bound` roll-ups of each period, and the
-- clock to compare them on. The primary key serves each look, from its newest end, so a page of jobs costs the same
-- however much has been counted. A row without run times (all its jobs completed in handlers' own transactions) says
-- nothing.
SELECT command, worker, sum(runs) AS runs, sum(run_ms) AS run_ms,
    (julianday('now') - 2440587.5) * 86400.0 AS clock
FROM (
    SELECT command, worker, runs, run_ms
    FROM (
        SELECT command, worker, completed + failed + cancelled + retried AS runs, run_ms
        FROM dbjobs_job_rollup
        WHERE period_seconds = 60
        ORDER BY starts DESC
        LIMIT :bound
    ) minute_rows
    UNION ALL
    SELECT command, worker, runs, run_ms
    FROM (
        SELECT command, worker, completed + failed + cancelled + retried AS runs, run_ms
        FROM dbjobs_job_rollup
        WHERE period_seconds = 3600
        ORDER BY starts DESC
        LIMIT :bound
    ) hour_rows
    UNION ALL
    SELECT command, worker, runs, run_ms
    FROM (
        SELECT command, worker, completed + failed + cancelled + retried AS runs, run_ms
        FROM dbjobs_job_rollup
        WHERE period_seconds = 86400
        ORDER BY starts DESC
        LIMIT :bound
    ) day_rows
) r
WHERE run_ms > 0
GROUP BY command, worker;
