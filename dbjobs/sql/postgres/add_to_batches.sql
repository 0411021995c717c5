-- Jobs have been added to batches, in this transaction. In name order, so that two enqueues do not deadlock.
INSERT INTO dbjobs.job_batch AS b (batch_id, total)
SELECT batch_id, total
FROM unnest(:counts.batch_id::text[], :counts.total::bigint[]) AS c (batch_id, total)
ORDER BY batch_id
ON CONFLICT (batch_id) DO UPDATE SET total = b.total + excluded.total;
