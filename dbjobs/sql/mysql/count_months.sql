-- Jobs that ended in each month, from the roll-ups: no job is counted. One row an hour, queue and command is read (a minute,
-- for the last two days); callers keep the answer for a while.
SELECT DATE_FORMAT(minute, '%Y%m') AS month, CAST(SUM(completed) AS SIGNED) AS completed, CAST(SUM(failed) AS SIGNED) AS failed,
    CAST(SUM(cancelled) AS SIGNED) AS cancelled
FROM dbjobs_job_stat
GROUP BY 1
ORDER BY 1;
