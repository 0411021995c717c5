-- Jobs that have not started go to history as cancelled; the nodes of running ones are asked to stop them.
--
-- * One statement with its own commit: it locks by id, then decides by the locked row, so it does not miss a job that
--   is just going into its retry. Rows that somebody else has locked yield nothing: the caller tries them again.
-- * If such a job was blocking its lane (while waiting for its retry), the lane is free again. release_children tells
--   its children of its end (ended_parent); its own edges go.
-- * expired: only jobs that still are. A job found before may have been started or requeued since (it has no end then).
-- * A running job's node learns of it from the notice, or at its next heartbeat.
WITH victim AS (
    SELECT id, state
    FROM dbjobs.background_job
    WHERE id = ANY (:ids::bigint[]) AND (NOT :expired::boolean OR attempt = 0 AND expires_at <= clock_timestamp())
    ORDER BY id
    FOR UPDATE SKIP LOCKED
), moved AS (
    DELETE FROM dbjobs.background_job
    WHERE id = ANY (ARRAY(SELECT id FROM victim WHERE state IN ('scheduled', 'waiting', 'queued')))
    RETURNING *
), asked AS (
    UPDATE dbjobs.background_job
    SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
    WHERE id = ANY (ARRAY(SELECT id FROM victim WHERE state IN ('started', 'executed'))) AND :ask_running::boolean
    RETURNING id, pg_notify(:channel, 'cancel ' || id) AS noticed
), cancelled AS (
    INSERT INTO dbjobs.failed_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, state, started_at, executed_at, completed_at,
        notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
        timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta,
        trace_context, cancel_requested_at, node_id
    )
    SELECT
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, 'cancelled', started_at, executed_at,
        clock_timestamp(), notified_at, last_activity_at, retry_limit, retry, on_failure, attempt,
        attempt_base, duration_ms, timeout_seconds, progress, status, reply_to, :error_code::text,
        :error::text, errors, args, meta, trace_context, clock_timestamp(), NULL
    FROM moved
), unblocked AS (
    DELETE FROM dbjobs.job_worker WHERE blocked_by = ANY (ARRAY(SELECT id FROM moved))
), forgotten AS (
    DELETE FROM dbjobs.job_dependency WHERE child_id = ANY (ARRAY(SELECT id FROM moved))
), told AS (
    INSERT INTO dbjobs.ended_parent (parent_id, state)
    SELECT id, 'cancelled' FROM moved WHERE has_dependents
    ON CONFLICT (parent_id) DO UPDATE SET state = excluded.state
), batched AS (
    INSERT INTO dbjobs.job_batch (batch_id, cancelled)
    SELECT batch_id, count(*) FROM moved WHERE batch_id IS NOT NULL GROUP BY batch_id
), late AS (
    -- Nearly always nothing: it leaves out jobs of this month before it looks anything up.
    INSERT INTO dbjobs.late_end (created_month, ended_month)
    SELECT DISTINCT to_char(moved.created_at AT TIME ZONE 'UTC', 'YYYYMM'), to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
    FROM moved
    WHERE moved.created_at < date_trunc('month', now(), 'UTC')
      AND (
          SELECT l.created_month
          FROM dbjobs.late_end l
          WHERE l.created_month = to_char(moved.created_at AT TIME ZONE 'UTC', 'YYYYMM')
            AND l.ended_month = to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
          LIMIT 1
      ) IS NULL
), counted AS (
    INSERT INTO dbjobs.job_stat AS s (minute, queue, command, counter, cancelled)
    SELECT date_trunc('minute', now()), queue, command, :counter::bigint, count(*)
    FROM moved
    GROUP BY queue, command
    ORDER BY queue, command
    ON CONFLICT (minute, queue, command, counter) DO UPDATE SET cancelled = s.cancelled + excluded.cancelled
)
SELECT id, 'cancelled' AS state FROM moved
UNION ALL
SELECT id, 'started' FROM asked;
