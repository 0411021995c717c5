-- The sum of what happened to a batch; job_batch_batch serves it. READPAST: it does not wait for what an open
-- transaction adds, and does not count that yet. The application lock keeps out fold_batches, which replaces rows:
-- nothing else takes it, and fold_batches holds it no longer than one batch.
DECLARE @batch_id nvarchar(510) = :batch_id, @lock int;
DECLARE @sum TABLE (
    total       bigint NOT NULL,
    completed   bigint NOT NULL,
    failed      bigint NOT NULL,
    cancelled   bigint NOT NULL,
    created_at  datetime2(6) NOT NULL
);
BEGIN TRANSACTION;
EXEC @lock = sp_getapplock @Resource = N'sums of dbjobs.job_batch', @LockMode = N'Shared',
    @LockOwner = N'Transaction', @LockTimeout = 10000;
IF @lock < 0 THROW 50002, N'batches are being folded', 1;
INSERT INTO @sum (total, completed, failed, cancelled, created_at)
SELECT SUM(b.total), SUM(b.completed), SUM(b.failed), SUM(b.cancelled), MIN(b.created_at)
FROM dbjobs.job_batch AS b WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_batch_batch))
WHERE b.batch_id = @batch_id
GROUP BY b.batch_id;
COMMIT TRANSACTION;
SELECT @batch_id AS batch_id, total, completed, failed, cancelled, created_at FROM @sum;
