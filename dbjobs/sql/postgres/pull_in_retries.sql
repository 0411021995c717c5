-- Retries scheduled while the database's clock was ahead, before it was set back: they went into back-off at a moment
-- still to come. Their back-off starts again from now. Not jobs with a time from a caller (they have not run yet): that
-- time stands. Runs only after a step, one slice of the live jobs by id at a time, because no index has these moments
-- (it would cost an index entry per retry). It skips locked jobs: nodes do not wait for each other.
WITH slice AS (
    SELECT id, state, attempt, last_activity_at
    FROM dbjobs.background_job
    WHERE id > :after_id::bigint
    ORDER BY id
    LIMIT :limit::integer
), ahead AS (
    SELECT id
    FROM dbjobs.background_job
    WHERE id = ANY (ARRAY(
              SELECT id
              FROM slice
              WHERE state = 'scheduled' AND attempt > 0
                AND last_activity_at > clock_timestamp() + :step_seconds::double precision * interval '1 second'
          ))
      AND state = 'scheduled'
      AND last_activity_at > clock_timestamp() + :step_seconds::double precision * interval '1 second'
    FOR UPDATE SKIP LOCKED
), pulled AS (
    UPDATE dbjobs.background_job
    SET run_after = run_after - (last_activity_at - clock_timestamp()), last_activity_at = clock_timestamp()
    WHERE id = ANY (ARRAY(SELECT id FROM ahead))
    RETURNING id
)
SELECT (SELECT count(*) FROM pulled) AS jobs, (SELECT max(id) FROM slice) AS last_id;
