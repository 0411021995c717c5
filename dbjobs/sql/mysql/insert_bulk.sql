-- Many jobs that are ready at once (see fits_bulk): insert_jobs without the parts that such rows do not need, because
-- the server reads every value of every row as text.
-- @rows jobs numbered ref_id
INSERT INTO dbjobs_background_job (
    parent_id, worker, queue, priority, tag, callback, depends_on_policy, created_by, user_id, request_type, command,
    request, request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, trace_context, line
)
VALUES (
    :parent_id, :worker, :queue, :priority, :tag, :callback, :depends_on_policy, :created_by, :user_id,
    :request_type, :command, :request, :request_body, :retry_limit, :retry, :on_failure, :timeout_seconds, :reply_to,
    :args, :meta, :trace_context, COALESCE(CONCAT('w:', :worker), CONCAT('q:', :queue))
);
