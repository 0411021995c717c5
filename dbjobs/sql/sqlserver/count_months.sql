-- Jobs that ended in each month, from the roll-ups: it counts no job. It reads one row per hour, queue and command (per
-- minute, for the last two days); callers keep the answer for a while.
-- READPAST: it does not wait for what a handler's open transaction has counted.
SELECT (
    SELECT CONVERT(char(6), minute, 112) AS month, SUM(completed) AS completed, SUM(failed) AS failed,
        SUM(cancelled) AS cancelled
    FROM dbjobs.job_stat WITH (READPAST, READCOMMITTEDLOCK)
    GROUP BY CONVERT(char(6), minute, 112)
    ORDER BY CONVERT(char(6), minute, 112)
    FOR JSON PATH
) AS packed;
