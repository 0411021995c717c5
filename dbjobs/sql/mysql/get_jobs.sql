-- Whole jobs. The tables one by one, not the view: that way every server enters each by its primary key.
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
    started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_background_job
WHERE id IN (:ids)
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_completed_job
WHERE id IN (:ids)
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_failed_job
WHERE id IN (:ids);
