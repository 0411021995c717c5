-- Adds jobs to batches, in this transaction: one more row each.
-- @each counts
INSERT INTO dbjobs_job_batch (batch_id, total) VALUES (:batch_id, :total);
