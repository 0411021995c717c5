-- Queues with ready jobs that have no named worker, by name, after one of them. A skip scan: one probe of
-- background_job_ready per queue found, so the cost grows with the queues that have work, not with their jobs or with
-- the known names.
-- READPAST: it does not wait for locked rows; the next look finds them.
DECLARE @after_queue nvarchar(510) = :after_queue, @limit int = :limit, @found int = 0;
DECLARE @ready TABLE (queue nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
WHILE @found < @limit
BEGIN
    SELECT TOP (1) @after_queue = j.queue
    FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_ready))
    WHERE j.state = N'queued' AND j.worker IS NULL AND j.queue > @after_queue
    ORDER BY j.queue, j.priority, j.id;
    IF @@ROWCOUNT = 0 BREAK;
    INSERT INTO @ready (queue) VALUES (@after_queue);
    SET @found = @found + 1;
END;
SELECT queue FROM @ready ORDER BY queue;
