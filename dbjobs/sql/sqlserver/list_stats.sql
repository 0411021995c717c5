-- READPAST: it does not wait for what a handler's open transaction has counted.
DECLARE @seconds float = :seconds;
SELECT (
    SELECT minute, queue, command, SUM(completed) AS completed, SUM(failed) AS failed, SUM(cancelled) AS cancelled,
        SUM(retried) AS retried, SUM(duration_ms) AS duration_ms
    FROM dbjobs.job_stat WITH (READPAST, READCOMMITTEDLOCK)
    WHERE minute >= DATEADD(millisecond, -CONVERT(int, (@seconds - FLOOR(@seconds / 86400) * 86400) * 1000),
        DATEADD(day, -CONVERT(int, FLOOR(@seconds / 86400)), SYSUTCDATETIME()))
    GROUP BY minute, queue, command
    ORDER BY minute, queue, command
    FOR JSON PATH
) AS packed;
