-- Rows copied into history with their numbers do not advance the counters, because history has none: this makes new
-- jobs, log lines and nodes get numbers above these.
-- A row that exists for a moment is enough for that. (A node's number is the time.)
INSERT INTO dbjobs_background_job (id, command, state) VALUES (:job_id + 1, '', 'none');
DELETE FROM dbjobs_background_job WHERE id = :job_id + 1;
INSERT INTO dbjobs_job_log (id, job_id, job_created_at, attempt, at, level, message)
VALUES (:log_id + 1, 0, '', 0, '', '', '');
DELETE FROM dbjobs_job_log WHERE id = :log_id + 1;
