DECLARE @counts nvarchar(max) = :counts;
UPDATE b
SET completed = b.completed + c.completed, failed = b.failed + c.failed, cancelled = b.cancelled + c.cancelled
FROM OPENJSON(@counts) WITH (batch_id nvarchar(510), completed bigint, failed bigint, cancelled bigint) AS c
JOIN dbjobs.job_batch AS b WITH (ROWLOCK, FORCESEEK) ON b.batch_id = c.batch_id COLLATE Latin1_General_100_BIN2;
