-- Jobs that have not started go to history as cancelled; all others are left alone. Locked in id order.
-- A lane that such a job was blocking (it was waiting for its retry) is free again.
-- @as moved packed id state batch_id has_dependents month worker
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    id, 'cancelled', batch_id, has_dependents, EXTRACT(YEAR_MONTH FROM created_at), worker
))
FROM dbjobs_background_job FORCE INDEX (PRIMARY)
WHERE id IN (:ids) AND state IN ('scheduled', 'waiting', 'queued')
FOR UPDATE;

-- @if moved
INSERT INTO dbjobs_failed_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta, trace_context,
    cancel_requested_at, node_id, created_month
)
SELECT
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, 'cancelled', started_at, executed_at, UTC_TIMESTAMP(6),
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, :error_code, :error, errors, args, meta, trace_context,
    UTC_TIMESTAMP(6), NULL, EXTRACT(YEAR_MONTH FROM created_at)
FROM dbjobs_background_job
WHERE id IN (:moved.id);

-- @if moved
INSERT INTO dbjobs_job_stat (minute, queue, command, node_id, cancelled)
SELECT minute, queue, command, 0, cancelled
FROM (
    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:00') AS minute, queue, command, COUNT(*) AS cancelled
    FROM dbjobs_background_job
    WHERE id IN (:moved.id)
    GROUP BY queue, command
    ORDER BY queue, command
) n
ON DUPLICATE KEY UPDATE cancelled = dbjobs_job_stat.cancelled + n.cancelled;

-- @if moved
DELETE FROM dbjobs_background_job WHERE id IN (:moved.id);

-- @if moved where worker
DELETE FROM dbjobs_job_worker WHERE blocked_by IN (:moved.id);

-- @if moved
DELETE FROM dbjobs_job_dependency WHERE child_id IN (:moved.id);
