-- Due tasks that this node may fire, and the clock that says so. NOLOCK: it does not wait for a task that another node
-- is firing; firing compares the revision. scheduled_task_due serves it.
DECLARE @tasks nvarchar(max) = :tasks, @commands nvarchar(max) = :commands, @limit int = :limit;
DECLARE @now datetime2(6) = SYSUTCDATETIME();
SELECT TOP (@limit) name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at,
    @now AS now
FROM dbjobs.scheduled_task WITH (NOLOCK, INDEX (scheduled_task_due))
WHERE paused = 0 AND next_run_at IS NOT NULL AND next_run_at <= @now
  AND (
    declared = 1 AND name IN (
        SELECT t.name COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@tasks) WITH (name nvarchar(510) '$') AS t
    )
    OR declared = 0 AND command IN (
        SELECT c.command COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@commands) WITH (command nvarchar(510) '$') AS c
    )
  )
ORDER BY next_run_at;
