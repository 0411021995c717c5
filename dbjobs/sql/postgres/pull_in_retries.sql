-- Retries that were scheduled while the database's clock stood ahead, before it was set back: they went into back-off at a
-- moment that is still to come. They get their back-off from now on. Not jobs whose time a caller has given (they have not
-- run yet): that moment is what it says. Asked once after a step and at the start of a node, so a look along all
-- scheduled jobs will do (background_job_due). A job that somebody has locked is passed by: nodes do not wait for each other.
WITH ahead AS (
    SELECT id
    FROM dbjobs.background_job
    WHERE state = 'scheduled'
      AND attempt > 0
      AND last_activity_at > clock_timestamp() + :step_seconds::double precision * interval '1 second'
    ORDER BY run_after
    LIMIT :limit::integer
    FOR UPDATE SKIP LOCKED
), pulled AS (
    UPDATE dbjobs.background_job
    SET run_after = run_after - (last_activity_at - clock_timestamp()), last_activity_at = clock_timestamp()
    WHERE id = ANY (ARRAY(SELECT id FROM ahead))
    RETURNING id
)
SELECT count(*) AS jobs FROM pulled;
