-- Commands that nobody here can run, among the ready jobs at the front of these queues (that is where they
-- gather) and of the named workers. READPAST: it does not wait for locked rows.
DECLARE @commands nvarchar(max) = :commands, @queues nvarchar(max) = :queues, @bound int = :bound;
SELECT ready.command, COUNT(*) AS jobs
FROM (
    SELECT free.command
    FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS q
    CROSS APPLY (
        SELECT TOP (@bound) j.command
        FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK)
        WHERE j.queue = q.queue COLLATE Latin1_General_100_BIN2 AND j.state = N'queued' AND j.worker IS NULL
        ORDER BY j.priority, j.id
    ) AS free
    UNION ALL
    SELECT lane.command
    FROM (
        SELECT TOP (@bound) j.command
        FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK)
        WHERE j.state = N'queued' AND j.worker IS NOT NULL
        ORDER BY j.worker, j.priority, j.id
    ) AS lane
) AS ready
WHERE NOT EXISTS (
    SELECT 1 FROM OPENJSON(@commands) WITH (command nvarchar(510) '$') AS c
    WHERE c.command COLLATE Latin1_General_100_BIN2 = ready.command
)
GROUP BY ready.command;
