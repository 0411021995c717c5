-- Failed or cancelled jobs come back to life under their own id, with a fresh set of tries. The attempt
-- number goes on counting: it is part of the fence.
-- @as revived packed id queue priority worker batch_id month
SELECT JSON_ARRAYAGG(JSON_ARRAY(id, queue, priority, worker, batch_id, created_month))
FROM dbjobs_failed_job
WHERE id IN (:ids)
FOR UPDATE;

-- @if revived
INSERT INTO dbjobs_background_job (
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
FROM dbjobs_failed_job
WHERE id IN (:revived.id) AND created_month IN (:revived.month);

-- @if revived where batch_id
UPDATE dbjobs_job_batch b
JOIN (
    SELECT batch_id, SUM(state = 'failed') AS failed, SUM(state = 'cancelled') AS cancelled
    FROM dbjobs_failed_job
    WHERE id IN (:revived.id) AND created_month IN (:revived.month) AND batch_id IS NOT NULL
    GROUP BY batch_id
) r ON r.batch_id = b.batch_id
SET b.failed = b.failed - r.failed, b.cancelled = b.cancelled - r.cancelled
WHERE b.batch_id IN (:revived.batch_id);

-- @if revived
DELETE FROM dbjobs_failed_job WHERE id IN (:revived.id) AND created_month IN (:revived.month);
