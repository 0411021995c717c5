-- Jobs have been added to batches, in this transaction. In name order, so that two enqueues do not deadlock. The lock
-- on the gap keeps another enqueue from making the same batch between the two statements.
DECLARE @counts nvarchar(max) = :counts;
DECLARE @count TABLE (
    batch_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED,
    total bigint NOT NULL
);
INSERT INTO @count (batch_id, total)
SELECT c.batch_id COLLATE Latin1_General_100_BIN2, SUM(c.total)
FROM OPENJSON(@counts) WITH (batch_id nvarchar(510), total bigint) AS c
GROUP BY c.batch_id COLLATE Latin1_General_100_BIN2;

BEGIN TRANSACTION;
UPDATE b
SET total = b.total + c.total
FROM @count AS c
JOIN dbjobs.job_batch AS b WITH (UPDLOCK, SERIALIZABLE, FORCESEEK) ON b.batch_id = c.batch_id;
INSERT INTO dbjobs.job_batch (batch_id, total)
SELECT c.batch_id, c.total
FROM @count AS c
WHERE NOT EXISTS (
    SELECT 1 FROM dbjobs.job_batch AS b WITH (UPDLOCK, SERIALIZABLE) WHERE b.batch_id = c.batch_id
)
ORDER BY c.batch_id;
COMMIT TRANSACTION;
