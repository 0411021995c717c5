-- Jobs that have not started go to history as cancelled; all others are left alone.
-- A lane that such a job was blocking (it was waiting for its retry) is free again.
WITH victim AS (
    SELECT id FROM dbjobs.background_job WHERE id = ANY (:ids::bigint[]) ORDER BY id FOR UPDATE
), moved AS (
    DELETE FROM dbjobs.background_job
    WHERE id = ANY (ARRAY(SELECT id FROM victim)) AND state IN ('scheduled', 'waiting', 'queued')
    RETURNING *
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
), counted AS (
    INSERT INTO dbjobs.job_stat AS s (minute, queue, command, node_id, cancelled)
    SELECT date_trunc('minute', now()), queue, command, 0, count(*)
    FROM moved
    GROUP BY queue, command
    ORDER BY queue, command
    ON CONFLICT (minute, queue, command, node_id) DO UPDATE SET cancelled = s.cancelled + excluded.cancelled
)
SELECT id, 'cancelled' AS state, batch_id, has_dependents FROM moved;
