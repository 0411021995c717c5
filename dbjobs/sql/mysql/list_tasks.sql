-- All scheduled tasks, or one. Without locks.
SELECT name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at
FROM dbjobs_scheduled_task
WHERE :name IS NULL OR name = :name
ORDER BY name;
