-- Jobs that ended in each month, from the roll-ups: no job is counted. One row an hour, queue and command is read (a minute,
-- for the last two days); callers keep the answer for a while.
SELECT to_char(minute AT TIME ZONE 'UTC', 'YYYYMM') AS month, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
    sum(cancelled)::bigint AS cancelled
FROM dbjobs.job_stat
GROUP BY 1
ORDER BY 1;
