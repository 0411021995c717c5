-- Retention: whole months go, never rows. The lock on the parents is short; if it is not free at once, the janitor
-- tries again later instead of queueing up ahead of finishing jobs.
SET LOCAL lock_timeout = '2s';
DROP TABLE IF EXISTS dbjobs.completed_job_{month};
DROP TABLE IF EXISTS dbjobs.failed_job_{month};
DROP TABLE IF EXISTS dbjobs.job_log_{month};
DELETE FROM dbjobs.late_end WHERE created_month = '{month}' AND ended_month < '{oldest}';
