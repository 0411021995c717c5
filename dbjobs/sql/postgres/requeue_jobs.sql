-- Failed or cancelled jobs come back to life under their own id, with a fresh set of tries. The attempt
-- number goes on counting: it is part of the fence.
WITH revived AS (
    DELETE FROM dbjobs.failed_job WHERE id = ANY (:ids::bigint[]) RETURNING *
), inserted AS (
    INSERT INTO dbjobs.background_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, state, executed_at, retry_limit, retry,
        on_failure, attempt, attempt_base, timeout_seconds, reply_to, error_code, error, errors, args,
        meta, trace_context
    )
    SELECT
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, 'queued', executed_at, retry_limit, retry,
        on_failure, attempt, attempt, timeout_seconds, reply_to, error_code, error, errors, args,
        meta, trace_context
    FROM revived
    RETURNING id, queue, priority, worker
), uncounted AS (
    UPDATE dbjobs.job_batch b
    SET failed = b.failed - r.failed, cancelled = b.cancelled - r.cancelled
    FROM (
        SELECT batch_id, count(*) FILTER (WHERE state = 'failed') AS failed,
            count(*) FILTER (WHERE state = 'cancelled') AS cancelled
        FROM revived
        WHERE batch_id IS NOT NULL
        GROUP BY batch_id
    ) r
    WHERE b.batch_id = ANY (ARRAY(SELECT batch_id FROM revived)) AND b.batch_id = r.batch_id
)
SELECT id, queue, priority, worker FROM inserted;
