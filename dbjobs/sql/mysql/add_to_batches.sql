-- Jobs have been added to batches, in this transaction: appended, so nobody waits for it.
-- @rows counts
INSERT INTO dbjobs_job_batch (batch_id, total) VALUES (:batch_id, :total);
