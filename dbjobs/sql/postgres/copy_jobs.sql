-- The fastest way to insert many plain rows; ids come from allocate_ids. All other columns keep their defaults.
COPY dbjobs.background_job (
    id, parent_id, worker, queue, priority, tag, callback, created_by, user_id, request_type, command, request,
    request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, trace_context
) FROM STDIN;
