-- Everything counted since a moment: minutes, hours and days, each of which must reach past it. The primary key serves each.
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs_job_rollup
WHERE period_seconds = 60 AND starts > :since - 60
UNION ALL
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs_job_rollup
WHERE period_seconds = 3600 AND starts > :since - 3600
UNION ALL
SELECT
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
FROM dbjobs_job_rollup
WHERE period_seconds = 86400 AND starts > :since - 86400;
