-- A job that has ended, on its way to the file of its month: the writer of the first connection copies it there, as it does
-- with every job that ends.
INSERT INTO dbjobs_finished_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, depends_on_policy, created_at, created_by,
    user_id, request_type, command, request, request_body, response, response_body, state, started_at,
    completed_at, retry_limit, on_failure, attempt, attempt_base, duration_ms, timeout_seconds, progress,
    status, error_code, error, errors, args, meta, node_id
)
VALUES (
    :id, :ref_id, :parent_id, :worker, :queue, :priority, :tag, :batch_id, :depends_on_policy, :created_at,
    :created_by, :user_id, :request_type, :command, :request, :request_body, :response, :response_body,
    :state, :started_at, :completed_at, :retry_limit, :on_failure, :attempt, :attempt_base, :duration_ms,
    :timeout_seconds, :progress, :status, :error_code, :error, :errors, :args, :meta, :node_id
);
