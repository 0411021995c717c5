-- Failed or cancelled jobs come back to life under their own id, with a fresh set of tries. The attempt
-- number goes on counting: it is part of the fence. The row in the file of the month is removed with the
-- next archive_month.sql; until then the live row outweighs it.
-- @as revived
SELECT id, state,
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, executed_at, retry_limit, retry,
    on_failure, attempt, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context
FROM dbjobs_finished_job
WHERE id IN (SELECT value FROM json_each(:ids)) AND state <> 'completed';

-- @months as revived
SELECT id, state,
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, executed_at, retry_limit, retry,
    on_failure, attempt, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context
FROM failed_job
WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_finished_job f WHERE f.id = failed_job.id);

-- @each revived as inserted
INSERT INTO dbjobs_background_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, executed_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context
)
VALUES (
    :id, :ref_id, :parent_id, :worker, :queue, :priority, :tag, :batch_id, :callback, :depends_on,
    :depends_on_policy, :created_at, :created_by, :user_id, :request_type, :command, :request,
    :request_body, :response, :response_body, 'queued', :executed_at, :retry_limit, :retry, :on_failure,
    :attempt, :attempt, :timeout_seconds, :reply_to, :error_code, :error, :errors, :args, :meta,
    :trace_context
)
ON CONFLICT DO NOTHING
RETURNING id, queue, priority, worker, ref_id, batch_id, created_at, :state AS ended;

DELETE FROM dbjobs_finished_job WHERE id IN (SELECT value FROM json_each(:inserted.id));

INSERT OR IGNORE INTO dbjobs_requeued_job (id, created_at)
SELECT value ->> 0, value ->> 6 FROM json_each(:inserted);

-- @each inserted where ref_id
DELETE FROM dbjobs_finished_ref WHERE ref_id = :ref_id;

-- @each inserted where batch_id
UPDATE dbjobs_job_batch
SET failed = failed - (:ended = 'failed'), cancelled = cancelled - (:ended = 'cancelled')
WHERE batch_id = :batch_id;
