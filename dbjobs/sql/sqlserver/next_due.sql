-- Seconds until the next scheduled job is due (negative: overdue); no scheduled job: NULL. READPAST: an enqueue that is
-- not committed is not waited for.
SELECT CONVERT(float, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), MIN(run_after))) / 1000 AS seconds
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE state = N'scheduled';
