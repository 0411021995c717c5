-- Folds the rows of a batch into one with their sum. job_batch_loose finds those not folded yet, some at a
-- time; uncommitted rows stay for the next time (READPAST).
--
-- get_batch skips locked rows, so it must not look while rows are being replaced: an application lock, to the end of
-- this batch, keeps it (and another fold) out. No client can hold that lock.
DECLARE @limit int = :limit, @folded int = 0, @lock int;
DECLARE @row TABLE (id bigint NOT NULL PRIMARY KEY, batch_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL);
DECLARE @replaced TABLE (
    batch_id    nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    created_at  datetime2(6) NOT NULL,
    changed_at  datetime2(6) NOT NULL,
    total       bigint NOT NULL,
    completed   bigint NOT NULL,
    failed      bigint NOT NULL,
    cancelled   bigint NOT NULL
);

BEGIN TRANSACTION;
EXEC @lock = sp_getapplock @Resource = N'sums of dbjobs.job_batch', @LockMode = N'Exclusive',
    @LockOwner = N'Transaction', @LockTimeout = 1000;
IF @lock >= 0
BEGIN
    INSERT INTO @row (id, batch_id)
    SELECT TOP (@limit) b.id, b.batch_id
    FROM dbjobs.job_batch AS b WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, INDEX (job_batch_loose))
    WHERE b.folded = 0
    ORDER BY b.batch_id;
    SET @folded = @@ROWCOUNT;
    INSERT INTO @row (id, batch_id)
    SELECT b.id, b.batch_id
    FROM (SELECT DISTINCT r.batch_id FROM @row AS r) AS r
    JOIN dbjobs.job_batch AS b
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_batch_batch))
        ON b.batch_id = r.batch_id
    WHERE b.folded = 1;
    DELETE b
    OUTPUT deleted.batch_id, deleted.created_at, deleted.changed_at, deleted.total, deleted.completed, deleted.failed,
        deleted.cancelled
    INTO @replaced (batch_id, created_at, changed_at, total, completed, failed, cancelled)
    FROM @row AS r
    JOIN dbjobs.job_batch AS b WITH (ROWLOCK, FORCESEEK, INDEX (job_batch_pkey)) ON b.id = r.id;
    INSERT INTO dbjobs.job_batch (batch_id, created_at, changed_at, total, completed, failed, cancelled, folded)
    SELECT r.batch_id, MIN(r.created_at), MAX(r.changed_at), SUM(r.total), SUM(r.completed), SUM(r.failed),
        SUM(r.cancelled), 1
    FROM @replaced AS r
    GROUP BY r.batch_id;
END;
COMMIT TRANSACTION;
SELECT @folded AS folded;
