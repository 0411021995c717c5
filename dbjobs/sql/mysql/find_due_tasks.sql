-- Due tasks that this node may fire, and the clock that says so. Without locks: firing compares the revision. The index
-- `due` serves it.
SELECT name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, paused, next_run_at,
    last_run_at, runs, missed, skipped, revision, created_at,
    UTC_TIMESTAMP(6) AS now
FROM dbjobs_scheduled_task FORCE INDEX (due)
WHERE paused = 0 AND next_run_at <= UTC_TIMESTAMP(6)
  AND (declared = 1 AND name IN (:tasks) OR declared = 0 AND command IN (:commands))
ORDER BY next_run_at
LIMIT :limit;
