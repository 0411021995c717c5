-- Seconds until the next scheduled job is due, and until the next task for this node to fire (negative: overdue); NULL:
-- none.
SELECT (
    SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), run_after) / 1e6
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = 'due'
    ORDER BY place, id
    LIMIT 1
) AS seconds, (
    SELECT TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), next_run_at) / 1e6
    FROM dbjobs_scheduled_task FORCE INDEX (due)
    WHERE paused = 0 AND next_run_at IS NOT NULL
      AND (declared = 1 AND name IN (:tasks) OR declared = 0 AND command IN (:commands))
    ORDER BY next_run_at
    LIMIT 1
) AS task_seconds;
