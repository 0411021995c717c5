-- Was a job retried in a minute still to come? Then the database's clock was set back since: the statement that
-- schedules a retry counts it, by the minute. One probe of the primary key, however many jobs are scheduled.
SELECT minute
FROM dbjobs_job_stat FORCE INDEX (PRIMARY)
WHERE minute > UTC_TIMESTAMP(6) AND retried > 0
ORDER BY minute
LIMIT 1;
