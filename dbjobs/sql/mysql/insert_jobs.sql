-- Enqueue: one statement, one commit, for one job or a thousand.
--
-- The ids of a plain multi-row INSERT are consecutive ("simple inserts", whatever innodb_autoinc_lock_mode is), so the
-- first one, which the server reports, tells all. It only appends: it looks nothing up, and if a caller's transaction
-- stays open, it keeps only the new rows' own locks. A job with parents is not resolved yet (see resolve_children).
-- @rows jobs numbered ref_id
INSERT INTO dbjobs_background_job (
    ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, pending, unresolved, run_after, expires_at, created_at, created_by, user_id,
    request_type, command, request, request_body, retry_limit, retry, on_failure,
    timeout_seconds, reply_to, args, meta, trace_context, state, line
)
VALUES (
    :ref_id, :parent_id, :worker, :queue, :priority, :tag, :batch_id, :callback, :depends_on,
    :depends_on_policy, :pending, :pending > 0,
    COALESCE(:run_after, UTC_TIMESTAMP(6) + INTERVAL :delay_seconds * 1000000 MICROSECOND),
    UTC_TIMESTAMP(6) + INTERVAL :expires_seconds * 1000000 MICROSECOND, UTC_TIMESTAMP(6), :created_by, :user_id,
    :request_type, :command, :request, :request_body, :retry_limit, :retry, :on_failure,
    :timeout_seconds, :reply_to, :args, :meta, :trace_context,
    CASE
        WHEN :pending > 0 THEN 'waiting'
        WHEN COALESCE(:run_after, UTC_TIMESTAMP(6) + INTERVAL :delay_seconds * 1000000 MICROSECOND) > UTC_TIMESTAMP(6)
            THEN 'scheduled'
        ELSE 'queued'
    END,
    CASE
        WHEN :pending > 0 THEN 'unresolved'
        WHEN COALESCE(:run_after, UTC_TIMESTAMP(6) + INTERVAL :delay_seconds * 1000000 MICROSECOND) > UTC_TIMESTAMP(6)
            THEN 'due'
        ELSE COALESCE(CONCAT('w:', :worker), CONCAT('q:', :queue))
    END
);
