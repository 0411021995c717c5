-- Jobs that have not started end as cancelled; all others are left alone.
-- A lane that such a job was blocking (it was waiting for its retry) is free again.
INSERT OR REPLACE INTO dbjobs_finished_job (
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
    strftime('%Y-%m-%d %H:%M:%f', 'now'), notified_at, last_activity_at, retry_limit, retry, on_failure,
    attempt, attempt_base, duration_ms, timeout_seconds, progress, status, reply_to, :error_code,
    :error, errors, args, meta, trace_context, strftime('%Y-%m-%d %H:%M:%f', 'now'), NULL
FROM dbjobs_background_job
WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('scheduled', 'waiting', 'queued');

-- In both tables are exactly those that the statement above has copied.
-- @as moved
DELETE FROM dbjobs_background_job
WHERE id IN (SELECT f.id FROM json_each(:ids) i CROSS JOIN dbjobs_finished_job f ON f.id = i.value)
RETURNING id, 'cancelled' AS state, batch_id, has_dependents, ref_id, created_at, queue, command, worker;

-- @each moved where ref_id
INSERT OR REPLACE INTO dbjobs_finished_ref (ref_id, id, month)
VALUES (:ref_id, :id, strftime('%Y%m', :created_at));

-- @each moved where worker
DELETE FROM dbjobs_job_worker WHERE blocked_by = :id;

DELETE FROM dbjobs_job_dependency WHERE child_id IN (SELECT value FROM json_each(:moved.id));

-- @each moved
INSERT INTO dbjobs_job_stat (minute, queue, command, node_id, cancelled)
VALUES (strftime('%Y-%m-%d %H:%M:00.000', 'now'), :queue, :command, 0, 1)
ON CONFLICT (minute, queue, command, node_id) DO UPDATE SET cancelled = cancelled + 1;
