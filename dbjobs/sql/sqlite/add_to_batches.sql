-- Jobs have been added to batches, in this transaction.
-- @each counts
INSERT INTO dbjobs_job_batch (batch_id, total) VALUES (:batch_id, :total)
ON CONFLICT (batch_id) DO UPDATE SET total = total + excluded.total;
