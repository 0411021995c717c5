-- NULL leaves a setting as it is; concurrency 0 removes the limit. The lock on the gap keeps others from making the
-- same queue between the two statements.
DECLARE @queue nvarchar(510) = :queue, @paused bit = :paused, @concurrency int = :concurrency;
BEGIN TRANSACTION;
UPDATE dbjobs.job_queue WITH (UPDLOCK, SERIALIZABLE)
SET paused = COALESCE(@paused, paused),
    concurrency = CASE WHEN @concurrency IS NULL THEN concurrency ELSE NULLIF(@concurrency, 0) END,
    used_at = SYSUTCDATETIME()
WHERE queue = @queue;
IF @@ROWCOUNT = 0
    INSERT INTO dbjobs.job_queue (queue, paused, concurrency)
    VALUES (@queue, COALESCE(@paused, 0), NULLIF(@concurrency, 0));
COMMIT TRANSACTION;
SELECT @queue AS queue;
