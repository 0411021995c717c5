SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_job
WHERE id IN (SELECT value FROM json_each(:ids));

-- The months that may hold them: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range r
WHERE EXISTS (SELECT 1 FROM json_each(:ids) w WHERE w.value BETWEEN r.first_id AND r.last_id);

-- A requeued job is alive, whatever its month still says.
-- @months in place
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM job
WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_background_job b WHERE b.id = job.id);
