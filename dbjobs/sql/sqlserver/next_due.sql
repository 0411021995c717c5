-- Seconds until the next scheduled job is due, and until the next task for this node to fire (negative: overdue); NULL:
-- none.
-- READPAST: it does not wait for an uncommitted enqueue. NOLOCK: nor for a task that another node is firing.
DECLARE @tasks nvarchar(max) = :tasks, @commands nvarchar(max) = :commands;
SELECT (
    SELECT CONVERT(float, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), MIN(run_after))) / 1000
    FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
    WHERE state = N'scheduled'
) AS seconds, (
    SELECT TOP (1) CONVERT(float, DATEDIFF_BIG(millisecond, SYSUTCDATETIME(), next_run_at)) / 1000
    FROM dbjobs.scheduled_task WITH (NOLOCK, INDEX (scheduled_task_due))
    WHERE paused = 0 AND next_run_at IS NOT NULL
      AND (
        declared = 1 AND name IN (
            SELECT t.name COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tasks) WITH (name nvarchar(510) '$') AS t
        )
        OR declared = 0 AND command IN (
            SELECT c.command COLLATE Latin1_General_100_BIN2
            FROM OPENJSON(@commands) WITH (command nvarchar(510) '$') AS c
        )
      )
    ORDER BY next_run_at
) AS task_seconds;
