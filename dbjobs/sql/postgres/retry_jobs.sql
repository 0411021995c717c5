-- Schedules retries of failed attempts. If a cancellation was requested meanwhile, the job yields no row: the caller
-- ends it instead (the update checks the condition again on the row version that it locks). A blocked lane stays taken,
-- by the job, until the job is due.
WITH outcome AS (
    SELECT *
    FROM unnest(
        :outcomes.id::bigint[], :outcomes.attempt::integer[], :outcomes.delay_seconds::double precision[],
        :outcomes.error_code::text[], :outcomes.error::text[], :outcomes.failure::jsonb[],
        :outcomes.block_worker::boolean[], :outcomes.release_worker::boolean[]
    ) AS o (id, attempt, delay_seconds, error_code, error, failure, block_worker, release_worker)
), retried AS (
    UPDATE dbjobs.background_job j
    SET state = CASE WHEN o.delay_seconds > 0 THEN 'scheduled' ELSE 'queued' END,
        run_after = clock_timestamp() + o.delay_seconds * interval '1 second',
        node_id = NULL, last_activity_at = now(), error_code = o.error_code, error = o.error,
        errors = CASE WHEN o.failure IS NULL THEN j.errors ELSE coalesce(j.errors, '[]') || o.failure END
    FROM outcome o
    WHERE j.id = ANY (:outcomes.id::bigint[])
      AND j.id = o.id
      AND j.attempt = o.attempt
      AND j.node_id IS NOT DISTINCT FROM :node_id
      AND j.cancel_requested_at IS NULL
    RETURNING j.id, j.worker, j.queue, j.command, j.state, o.block_worker, o.release_worker
), blocked AS (
    UPDATE dbjobs.job_worker w
    SET node_id = NULL, blocked_by = r.id
    FROM retried r
    WHERE w.worker = ANY (ARRAY(SELECT worker FROM retried WHERE block_worker AND state = 'scheduled'))
      AND w.worker = r.worker
      AND w.node_id IS NOT DISTINCT FROM :node_id
      AND r.block_worker
      AND r.state = 'scheduled'
), released AS (
    DELETE FROM dbjobs.job_worker
    WHERE worker = ANY (ARRAY(
              SELECT worker FROM retried
              WHERE (release_worker OR block_worker) AND NOT (block_worker AND state = 'scheduled')
          ))
      AND node_id IS NOT DISTINCT FROM :node_id
), counted AS (
    INSERT INTO dbjobs.job_stat AS s (minute, queue, command, counter, retried)
    SELECT date_trunc('minute', now()), queue, command, :counter::bigint, count(*)
    FROM retried
    GROUP BY queue, command
    ORDER BY queue, command
    ON CONFLICT (minute, queue, command, counter) DO UPDATE SET retried = s.retried + excluded.retried
)
SELECT id FROM retried;
