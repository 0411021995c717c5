-- Seconds until the next scheduled job is due (negative: overdue); no scheduled job: NULL.
SELECT (julianday(min(run_after)) - julianday('now')) * 86400.0 AS seconds
FROM dbjobs_background_job
WHERE state = 'scheduled';
