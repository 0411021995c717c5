SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs.job
WHERE id = ANY (:ids::bigint[]);
