SELECT minute, queue, command, CAST(SUM(completed) AS SIGNED) AS completed, CAST(SUM(failed) AS SIGNED) AS failed,
    CAST(SUM(cancelled) AS SIGNED) AS cancelled, CAST(SUM(retried) AS SIGNED) AS retried, SUM(duration_ms) AS duration_ms
FROM dbjobs_job_stat
WHERE minute >= UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
GROUP BY minute, queue, command
ORDER BY minute, queue, command;
