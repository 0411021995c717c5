-- Drops those of these queues that still have no settings and were not used meanwhile: it checks the condition again
-- under the row's lock. Only the list of queues loses them; no claim needs the row (see find_ready_queues). READPAST:
-- somebody is using or setting a locked row.
DECLARE @queues nvarchar(max) = :queues, @seconds float = :seconds, @dropped int;
DECLARE @before datetime2(6) = DATEADD(
    millisecond, -CONVERT(int, (@seconds - FLOOR(@seconds / 86400) * 86400) * 1000),
    DATEADD(day, -CONVERT(int, FLOOR(@seconds / 86400)), SYSUTCDATETIME())
);
BEGIN TRANSACTION;
DELETE q
FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS n
JOIN dbjobs.job_queue AS q WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_queue_pkey))
    ON q.queue = n.queue COLLATE Latin1_General_100_BIN2
WHERE q.paused = 0 AND q.concurrency IS NULL AND q.used_at < @before;
SET @dropped = @@ROWCOUNT;
COMMIT TRANSACTION;
SELECT @dropped AS dropped;
