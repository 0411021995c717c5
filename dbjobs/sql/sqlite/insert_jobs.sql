-- Enqueue: one transaction, one commit, for one job or a thousand.
--
-- Ids ascend in the order of the input, so the caller can pair them: rows go in one after another and no
-- other connection can write in between. add_refs makes a ref_id known, in the same transaction.
-- @rows jobs
WITH job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    pending, delay_seconds, run_after, expires_seconds, created_by, user_id, request_type, command, request,
    request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to, args, meta, trace_context
) AS (
    VALUES (
        :ref_id, :parent_id, :worker, :queue, :priority, :tag, :batch_id, :callback, :depends_on,
        :depends_on_policy, :pending, :delay_seconds, :run_after, :expires_seconds, :created_by, :user_id,
        :request_type, :command, :request, :request_body, :retry_limit, :retry, :on_failure, :timeout_seconds,
        :reply_to, :args, :meta, :trace_context
    )
)
INSERT INTO dbjobs_background_job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, unresolved, run_after, expires_at, created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context, state
)
SELECT
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, pending > 0,
    coalesce(run_after, strftime('%Y-%m-%d %H:%M:%f', 'now', delay_seconds || ' seconds')),
    strftime('%Y-%m-%d %H:%M:%f', 'now', expires_seconds || ' seconds'), created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context,
    CASE
        WHEN pending > 0 THEN 'waiting'
        WHEN run_after > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'scheduled'
        WHEN run_after IS NULL AND delay_seconds > 0 THEN 'scheduled'
        ELSE 'queued'
    END
FROM job
RETURNING id, ref_id;
