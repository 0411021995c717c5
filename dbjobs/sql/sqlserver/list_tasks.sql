-- All scheduled tasks, or one. NOLOCK: it waits for no node that fires one; a row is written back only if its
-- revision is still the same. By the index of the key, so that no row is passed by or read twice.
DECLARE @name nvarchar(510) = :name;
SELECT name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at
FROM dbjobs.scheduled_task WITH (NOLOCK, INDEX (scheduled_task_pkey))
WHERE @name IS NULL OR name = @name
ORDER BY name;
