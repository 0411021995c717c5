-- Due tasks that this node may fire, and the clock that says so. scheduled_task_due serves it.
SELECT name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at,
    strftime('%Y-%m-%d %H:%M:%f', 'now') AS now
FROM dbjobs_scheduled_task
WHERE paused = 0 AND next_run_at IS NOT NULL AND next_run_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
  AND CASE
    WHEN declared THEN name IN (SELECT value FROM json_each(:tasks))
    ELSE command IN (SELECT value FROM json_each(:commands))
  END
ORDER BY next_run_at
LIMIT :limit;
