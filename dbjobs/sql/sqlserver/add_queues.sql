-- Lists newly used queues, and marks known ones as still in use, at most twice an hour: processes ask for each name
-- about once an hour. The locks on the gaps decide between two processes that learn of a queue at the same moment.
-- READPAST: somebody is using, setting or dropping a locked queue; if it is being dropped, the insert waits for that
-- one statement and puts it back.
DECLARE @queues nvarchar(max) = :queues;
UPDATE q
SET used_at = SYSUTCDATETIME()
FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS n
JOIN dbjobs.job_queue AS q WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_queue_pkey))
    ON q.queue = n.queue COLLATE Latin1_General_100_BIN2
WHERE q.used_at < DATEADD(minute, -30, SYSUTCDATETIME());
INSERT INTO dbjobs.job_queue (queue)
SELECT DISTINCT n.queue COLLATE Latin1_General_100_BIN2
FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS n
WHERE NOT EXISTS (
    SELECT 1 FROM dbjobs.job_queue AS q WITH (UPDLOCK, SERIALIZABLE)
    WHERE q.queue = n.queue COLLATE Latin1_General_100_BIN2
);
