-- Retention: the caller removes the file of the month, under the same lock; all about the month in this file goes
-- with it.
DELETE FROM dbjobs_finished_job WHERE strftime('%Y%m', created_at) = '{month}';
DELETE FROM dbjobs_job_log WHERE strftime('%Y%m', job_created_at) = '{month}';
DELETE FROM dbjobs_requeued_job WHERE strftime('%Y%m', created_at) = '{month}';
DELETE FROM dbjobs_month_range WHERE month = '{month}';
DELETE FROM dbjobs_late_end WHERE created_month = '{month}';
