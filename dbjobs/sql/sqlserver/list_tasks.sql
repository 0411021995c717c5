-- All scheduled tasks, or one. NOLOCK: it does not wait for a node that fires one; a write back needs the same
-- revision. By the index of the key, so that it skips no row and reads none twice.
DECLARE @name nvarchar(510) = :name;
SELECT name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at
FROM dbjobs.scheduled_task WITH (NOLOCK, INDEX (scheduled_task_pkey))
WHERE @name IS NULL OR name = @name
ORDER BY name;
