-- Adds jobs to batches, in this transaction: it appends rows, so nobody waits for a batch.
-- @rows counts
INSERT INTO dbjobs_job_batch (batch_id, total) VALUES (:batch_id, :total);
