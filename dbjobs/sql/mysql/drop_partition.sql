-- Retention: whole months go, never rows. If the table's lock is not free at once, the janitor tries again later
-- instead of queueing up ahead of finishing jobs. A partition that is already gone is no error.
SET SESSION lock_wait_timeout = 2;
ALTER TABLE dbjobs_completed_job DROP PARTITION m{month};
ALTER TABLE dbjobs_failed_job DROP PARTITION m{month};
ALTER TABLE dbjobs_job_log DROP PARTITION m{month};
DELETE FROM dbjobs_late_end WHERE created_month = {month};
SET SESSION lock_wait_timeout = 20;
