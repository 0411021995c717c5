-- Seconds until the next scheduled job is due (negative: overdue); no scheduled job: NULL.
SELECT extract(epoch FROM min(run_after) - clock_timestamp())::double precision AS seconds
FROM dbjobs.background_job
WHERE state = 'scheduled';
