-- Was a job retried in a minute still to come? Then the database's clock was set back since: the statement that
-- schedules a retry counts it, by the minute. One probe of job_stat_pkey, however many jobs are scheduled.
SELECT minute
FROM dbjobs.job_stat
WHERE minute > statement_timestamp() AND retried > 0
ORDER BY minute
LIMIT 1;
