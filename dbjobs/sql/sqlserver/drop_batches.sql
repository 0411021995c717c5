-- Deletes batches whose jobs have all ended and that have not changed for the given time, some at a time.
-- job_batch_over finds them; a row that is not folded yet, or not even committed (NOLOCK), keeps its batch. The lock:
-- see fold_batches.
DECLARE @seconds float = :seconds, @lock int;
DECLARE @before datetime2(6) = DATEADD(
    millisecond, -CONVERT(int, (@seconds - FLOOR(@seconds / 86400) * 86400) * 1000),
    DATEADD(day, -CONVERT(int, FLOOR(@seconds / 86400)), SYSUTCDATETIME())
);
DECLARE @candidate TABLE (
    batch_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED
);
DECLARE @over TABLE (
    batch_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED
);
DECLARE @dropped TABLE (batch_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL);

BEGIN TRANSACTION;
EXEC @lock = sp_getapplock @Resource = N'sums of dbjobs.job_batch', @LockMode = N'Exclusive',
    @LockOwner = N'Transaction', @LockTimeout = 1000;
IF @lock >= 0
BEGIN
    INSERT INTO @candidate (batch_id)
    SELECT DISTINCT c.batch_id
    FROM (
        SELECT TOP (1000) b.batch_id
        FROM dbjobs.job_batch AS b WITH (READPAST, READCOMMITTEDLOCK, INDEX (job_batch_over))
        WHERE b.folded = 1 AND b.changed_at < @before AND b.total <= b.completed + b.failed + b.cancelled
        ORDER BY b.changed_at
    ) AS c;
    INSERT INTO @over (batch_id)
    SELECT b.batch_id
    FROM @candidate AS c
    JOIN dbjobs.job_batch AS b WITH (NOLOCK, FORCESEEK, INDEX (job_batch_batch)) ON b.batch_id = c.batch_id
    GROUP BY b.batch_id
    HAVING MIN(CONVERT(int, b.folded)) = 1 AND MAX(b.changed_at) < @before
       AND SUM(b.total) <= SUM(b.completed + b.failed + b.cancelled);
    DELETE b
    OUTPUT deleted.batch_id INTO @dropped (batch_id)
    FROM @over AS o
    JOIN dbjobs.job_batch AS b WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_batch_batch))
        ON b.batch_id = o.batch_id
    WHERE b.folded = 1;
END;
COMMIT TRANSACTION;
SELECT COUNT(DISTINCT batch_id) AS dropped FROM @dropped;
