-- The locks on the gaps decide between two processes that learn of a queue at the same moment.
DECLARE @queues nvarchar(max) = :queues;
INSERT INTO dbjobs.job_queue (queue)
SELECT DISTINCT n.queue COLLATE Latin1_General_100_BIN2
FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS n
WHERE NOT EXISTS (
    SELECT 1 FROM dbjobs.job_queue AS q WITH (UPDLOCK, SERIALIZABLE)
    WHERE q.queue = n.queue COLLATE Latin1_General_100_BIN2
);
