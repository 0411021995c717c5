-- Jobs have been added to batches, in this transaction. In name order, so that two enqueues do not deadlock.
-- @each counts
INSERT INTO dbjobs_job_batch (batch_id, total) VALUES (:batch_id, :total)
ON DUPLICATE KEY UPDATE total = total + :total;
