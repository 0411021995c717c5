-- Jobs that ended in each month, from the roll-ups: it counts no job. It reads one row per hour, queue and command (per
-- minute, for the last two days); callers keep the answer for a while.
SELECT strftime('%Y%m', minute) AS month, sum(completed) AS completed, sum(failed) AS failed,
    sum(cancelled) AS cancelled
FROM dbjobs_job_stat
GROUP BY 1
ORDER BY 1;
