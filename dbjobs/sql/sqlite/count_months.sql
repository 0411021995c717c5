-- Jobs that ended in each month, from the roll-ups: no job is counted. One row an hour, queue and command is read (a minute,
-- for the last two days); callers keep the answer for a while.
SELECT strftime('%Y%m', minute) AS month, sum(completed) AS completed, sum(failed) AS failed,
    sum(cancelled) AS cancelled
FROM dbjobs_job_stat
GROUP BY 1
ORDER BY 1;
