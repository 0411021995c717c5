-- Copies ended jobs to the file of their month. Runs on that file, with the main file attached as `live`,
-- while the caller holds the main file's write lock; forget_archived.sql follows once every month is
-- committed. It can run again after a crash in between: the deletes come before the inserts, and the inserts
-- replace. The texts of a month are those between 'YYYY-MM' and 'YYYY-MM~': two bounds, computed once.
DELETE FROM failed_job WHERE id IN (SELECT id FROM live.dbjobs_requeued_job);
INSERT OR REPLACE INTO completed_job (
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
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta,
    trace_context, cancel_requested_at, node_id
FROM live.dbjobs_finished_job
WHERE state = 'completed'
  AND created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
  AND created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~';
INSERT OR REPLACE INTO failed_job (
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
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta,
    trace_context, cancel_requested_at, node_id
FROM live.dbjobs_finished_job
WHERE state <> 'completed'
  AND created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
  AND created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~';
INSERT OR REPLACE INTO job_log (id, job_id, job_created_at, attempt, at, level, message)
SELECT id, job_id, job_created_at, attempt, at, level, message
FROM live.dbjobs_job_log
WHERE job_created_at >= substr(:month, 1, 4) || '-' || substr(:month, 5, 2)
  AND job_created_at < substr(:month, 1, 4) || '-' || substr(:month, 5, 2) || '~';
