-- Jobs that have not started end as cancelled; the nodes of running ones are asked to stop them, and learn that at
-- their next heartbeat. release_children tells the children of jobs that end here (ended_parent). expired: only jobs
-- that still are. A job found before may have been started or requeued since (it has no end then). If such a job was
-- blocking its lane (while waiting for its retry), the lane is free again.
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
WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('scheduled', 'waiting', 'queued')
  AND (NOT :expired OR attempt = 0 AND expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now'));

-- Exactly the rows that the statement above copied are in both tables.
-- @as moved
DELETE FROM dbjobs_background_job
WHERE id IN (SELECT f.id FROM json_each(:ids) i CROSS JOIN dbjobs_finished_job f ON f.id = i.value)
RETURNING id, batch_id, has_dependents, queue, command, worker;

-- @as asked
UPDATE dbjobs_background_job
SET cancel_requested_at = coalesce(cancel_requested_at, strftime('%Y-%m-%d %H:%M:%f', 'now'))
WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('started', 'executed') AND :ask_running
RETURNING id;

-- @each moved where worker
DELETE FROM dbjobs_job_worker WHERE blocked_by = :id;

DELETE FROM dbjobs_job_dependency WHERE child_id IN (SELECT value FROM json_each(:moved.id));

-- @each moved where has_dependents
INSERT OR REPLACE INTO dbjobs_ended_parent (parent_id, state) VALUES (:id, 'cancelled');

-- @each moved where batch_id
INSERT INTO dbjobs_job_batch (batch_id, cancelled) VALUES (:batch_id, 1);

-- @each moved
INSERT INTO dbjobs_job_stat (minute, queue, command, counter, cancelled)
VALUES (strftime('%Y-%m-%d %H:%M:00.000', 'now'), :queue, :command, :counter, 1)
ON CONFLICT (minute, queue, command, counter) DO UPDATE SET cancelled = cancelled + 1;

SELECT value AS id, 'cancelled' AS state FROM json_each(:moved.id)
UNION ALL
SELECT value, 'started' FROM json_each(:asked.id);
