-- Brings failed or cancelled jobs back under their own id, with a fresh set of tries. The attempt number goes on
-- counting: it is part of the fence. With :as_they_were a job that was waiting when it was cancelled comes back as it
-- was: not before its time, expiring at its time, without the cancellation as its error. The next archive_month.sql
-- removes the row from the file of the month; until then the live row takes precedence.
--
-- A job waits again for those of its parents that are alive now, including the ones that this call revives: it comes
-- back waiting and unresolved, and resolve_children goes on from there. (Not if its body is done and only the callback
-- is left.) If its last end has not reached all its children yet (ended_parent), we take that back: they wait for its
-- next end.
-- @as revived
SELECT id, state,
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, executed_at, retry_limit, retry,
    on_failure, attempt, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context
FROM dbjobs_finished_job
WHERE id IN (SELECT value FROM json_each(:ids)) AND state <> 'completed';

-- The months that may hold them: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range r
WHERE EXISTS (SELECT 1 FROM json_each(:ids) w WHERE w.value BETWEEN r.first_id AND r.last_id);

-- @months in place as revived
SELECT id, state,
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, executed_at, retry_limit, retry,
    on_failure, attempt, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context
FROM failed_job
WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_finished_job f WHERE f.id = failed_job.id);

-- @each revived as inserted
INSERT INTO dbjobs_background_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, executed_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context
)
VALUES (
    :id, :ref_id, :parent_id, :worker, :queue, :priority, :tag, :batch_id, :callback, :depends_on,
    :depends_on_policy, iif(:as_they_were, :run_after, NULL), iif(:as_they_were, :expires_at, NULL),
    :created_at, :created_by, :user_id, :request_type, :command, :request, :request_body, :response, :response_body,
    CASE
        WHEN :as_they_were AND :run_after > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'scheduled'
        ELSE 'queued'
    END, :executed_at, :retry_limit, :retry, :on_failure, :attempt, :attempt, :timeout_seconds, :reply_to,
    iif(:as_they_were, NULL, :error_code), iif(:as_they_were, NULL, :error), :errors, :args, :meta, :trace_context
)
ON CONFLICT DO NOTHING
RETURNING id, batch_id, created_at, :state AS ended;

DELETE FROM dbjobs_finished_job WHERE id IN (SELECT value FROM json_each(:inserted.id));

INSERT OR IGNORE INTO dbjobs_requeued_job (id, created_at)
SELECT value ->> 0, value ->> 2 FROM json_each(:inserted);

DELETE FROM dbjobs_ended_parent WHERE parent_id IN (SELECT value FROM json_each(:inserted.id));

INSERT OR IGNORE INTO dbjobs_job_dependency (parent_id, child_id)
SELECT p.id, c.id
FROM json_each(:inserted.id) i
CROSS JOIN dbjobs_background_job c ON c.id = i.value
CROSS JOIN json_each(c.depends_on) d
CROSS JOIN dbjobs_background_job p ON p.id = d.value
WHERE c.executed_at IS NULL;

-- @each inserted where batch_id
INSERT INTO dbjobs_job_batch (batch_id, failed, cancelled)
VALUES (:batch_id, -(:ended = 'failed'), -(:ended = 'cancelled'));

UPDATE dbjobs_background_job
SET pending = (SELECT count(*) FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id),
    unresolved = EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id),
    has_dependents = EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.parent_id = dbjobs_background_job.id),
    state = CASE
        WHEN EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id) THEN 'waiting'
        ELSE state
    END
WHERE id IN (SELECT value FROM json_each(:inserted.id))
RETURNING id, queue, priority, worker, state;
