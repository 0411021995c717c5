-- Was a job retried in a minute still to come? Then the database's clock was set back since: the statement that
-- schedules a retry counts it, by the minute. One probe of job_stat_pkey, however many jobs are scheduled. READPAST: it
-- waits for nobody.
SELECT TOP (1) minute
FROM dbjobs.job_stat WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_stat_pkey))
WHERE minute > SYSUTCDATETIME() AND retried > 0
ORDER BY minute;
