-- Seconds until the next scheduled job is due, and until the next task for this node to fire (negative: overdue); NULL:
-- none.
-- background_job_due and scheduled_task_due serve them.
SELECT (
    SELECT extract(epoch FROM min(run_after) - clock_timestamp())::double precision
    FROM dbjobs.background_job
    WHERE state = 'scheduled'
) AS seconds, (
    SELECT extract(epoch FROM next_run_at - clock_timestamp())::double precision
    FROM dbjobs.scheduled_task
    WHERE NOT paused AND next_run_at IS NOT NULL
      AND CASE WHEN declared THEN name = ANY (:tasks::text[]) ELSE command = ANY (:commands::text[]) END
    ORDER BY next_run_at
    LIMIT 1
) AS task_seconds;
