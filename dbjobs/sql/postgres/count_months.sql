-- Jobs that ended in each month, from the roll-ups: it counts no job. It reads one row per hour, queue and command (per
-- minute, for the last two days); callers keep the answer for a while.
SELECT to_char(minute AT TIME ZONE 'UTC', 'YYYYMM') AS month, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
    sum(cancelled)::bigint AS cancelled
FROM dbjobs.job_stat
GROUP BY 1
ORDER BY 1;
