-- Was a job retried in a minute that is still to come? Then the database's clock has been set back since: retries are counted
-- by the minute, in the statement that schedules them. One probe of the primary key, however many jobs are scheduled.
SELECT minute
FROM dbjobs_job_stat FORCE INDEX (PRIMARY)
WHERE minute > UTC_TIMESTAMP(6) AND retried > 0
ORDER BY minute
LIMIT 1;
