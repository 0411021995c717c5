-- Adds jobs to batches, in this transaction: it appends one row each, so nobody waits for a batch.
DECLARE @counts nvarchar(max) = :counts;
INSERT INTO dbjobs.job_batch (batch_id, total)
SELECT c.batch_id, c.total
FROM OPENJSON(@counts) WITH (batch_id nvarchar(510), total bigint) AS c;
