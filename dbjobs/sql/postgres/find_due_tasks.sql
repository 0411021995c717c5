-- Due tasks that this node may fire, and the clock that says so. Without locks: firing compares the revision.
-- scheduled_task_due serves it.
SELECT name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at,
    clock_timestamp() AS now
FROM dbjobs.scheduled_task
WHERE NOT paused AND next_run_at <= statement_timestamp()
  AND CASE WHEN declared THEN name = ANY (:tasks::text[]) ELSE command = ANY (:commands::text[]) END
ORDER BY next_run_at
LIMIT :limit::integer;
