-- Seconds until the next scheduled job is due, and until the next task for this node to fire (negative: overdue); NULL:
-- none.
SELECT (
    SELECT (julianday(min(run_after)) - julianday('now')) * 86400.0
    FROM dbjobs_background_job
    WHERE state = 'scheduled'
) AS seconds, (
    SELECT (julianday(next_run_at) - julianday('now')) * 86400.0
    FROM dbjobs_scheduled_task
    WHERE paused = 0 AND next_run_at IS NOT NULL
      AND CASE
        WHEN declared THEN name IN (SELECT value FROM json_each(:tasks))
        ELSE command IN (SELECT value FROM json_each(:commands))
      END
    ORDER BY next_run_at
    LIMIT 1
) AS task_seconds;
