-- Was a job retried in a minute that is still to come? Then the database's clock has been set back since: retries are counted
-- by the minute, in the statement that schedules them. One probe of job_stat_pkey, however many jobs are scheduled.
SELECT minute
FROM dbjobs.job_stat
WHERE minute > statement_timestamp() AND retried > 0
ORDER BY minute
LIMIT 1;
