-- Rows copied into history with their numbers do not advance the counters, because history has none: this makes new
-- jobs, log lines and nodes get numbers above these.
-- A row that exists for a moment is enough for that, while ALTER TABLE would commit.
INSERT INTO dbjobs_background_job (id, command, state) VALUES (:job_id + 1, '', 'none');
DELETE FROM dbjobs_background_job WHERE id = :job_id + 1;
INSERT INTO dbjobs_job_log (id, job_id, created_month, attempt, at, level, message)
VALUES (:log_id + 1, 0, 0, 0, UTC_TIMESTAMP(6), '', '');
DELETE FROM dbjobs_job_log WHERE job_id = 0 AND id = :log_id + 1 AND created_month = 0;
INSERT INTO dbjobs_job_node (id, name, lease_expires_at, info) VALUES (:node_id + 1, '', UTC_TIMESTAMP(6), '{}');
DELETE FROM dbjobs_job_node WHERE id = :node_id + 1;
