-- Retries that were scheduled while the database's clock stood ahead, before it was set back: they went into back-off at a
-- moment that is still to come. They get their back-off from now on. Not jobs whose time a caller has given (they have not
-- run yet): that moment is what it says. Asked once after a step and at the start of a node, so a look along all
-- scheduled jobs will do (background_job_due).
UPDATE dbjobs_background_job
SET run_after = strftime(
        '%Y-%m-%d %H:%M:%f', run_after, ((julianday('now') - julianday(last_activity_at)) * 86400.0) || ' seconds'
    ),
    last_activity_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id IN (
    SELECT id
    FROM dbjobs_background_job
    WHERE state = 'scheduled'
      AND attempt > 0
      AND last_activity_at > strftime('%Y-%m-%d %H:%M:%f', 'now', :step_seconds || ' seconds')
    ORDER BY run_after
    LIMIT :limit
);

SELECT changes() AS jobs;
