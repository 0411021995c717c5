-- Jobs that ended in each month, from the roll-ups: it counts no job. It reads one row per hour, queue and command (per
-- minute, for the last two days); callers keep the answer for a while.
SELECT DATE_FORMAT(minute, '%Y%m') AS month, CAST(SUM(completed) AS SIGNED) AS completed, CAST(SUM(failed) AS SIGNED) AS failed,
    CAST(SUM(cancelled) AS SIGNED) AS cancelled
FROM dbjobs_job_stat
GROUP BY 1
ORDER BY 1;
