-- How long attempts of each command and named worker took, from the newest `bound` roll-ups of each period, and the
-- clock to compare them on. The primary key serves each look, from its newest end, so a page of jobs costs the same
-- however much has been counted. A row without run times (all its jobs completed in handlers' own transactions) says
-- nothing.
-- READPAST: it waits for nobody. One JSON text: see claim_jobs.
DECLARE @bound int = :bound;
SELECT (
    SELECT r.command, r.worker, SUM(r.runs) AS runs, SUM(r.run_ms) AS run_ms,
        CONVERT(float, DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())) / 1000 AS clock
    FROM (
        SELECT minute_rows.command, minute_rows.worker, minute_rows.runs, minute_rows.run_ms
        FROM (
            SELECT TOP (@bound) command, worker, completed + failed + cancelled + retried AS runs, run_ms
            FROM dbjobs.job_rollup WITH (READPAST, READCOMMITTEDLOCK)
            WHERE period_seconds = 60
            ORDER BY starts DESC
        ) AS minute_rows
        UNION ALL
        SELECT hour_rows.command, hour_rows.worker, hour_rows.runs, hour_rows.run_ms
        FROM (
            SELECT TOP (@bound) command, worker, completed + failed + cancelled + retried AS runs, run_ms
            FROM dbjobs.job_rollup WITH (READPAST, READCOMMITTEDLOCK)
            WHERE period_seconds = 3600
            ORDER BY starts DESC
        ) AS hour_rows
        UNION ALL
        SELECT day_rows.command, day_rows.worker, day_rows.runs, day_rows.run_ms
        FROM (
            SELECT TOP (@bound) command, worker, completed + failed + cancelled + retried AS runs, run_ms
            FROM dbjobs.job_rollup WITH (READPAST, READCOMMITTEDLOCK)
            WHERE period_seconds = 86400
            ORDER BY starts DESC
        ) AS day_rows
    ) AS r
    WHERE r.run_ms > 0
    GROUP BY r.command, r.worker
    FOR JSON PATH
) AS packed;
