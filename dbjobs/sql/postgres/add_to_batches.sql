-- Adds jobs to batches, in this transaction: it appends one row each, so nobody waits for a batch.
INSERT INTO dbjobs.job_batch (batch_id, total)
SELECT batch_id, total
FROM unnest(:counts.batch_id::text[], :counts.total::bigint[]) AS c (batch_id, total);
