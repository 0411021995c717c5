-- @each counts
UPDATE dbjobs_job_batch
SET completed = completed + :completed, failed = failed + :failed, cancelled = cancelled + :cancelled
WHERE batch_id = :batch_id;
