-- Moves ended jobs from live to history, with everything their end means for others, in one transaction and one round
-- trip.
--
-- * Driven by primary key, fenced by (id, attempt, node_id): a row that is no longer ours yields nothing. The first
--   statement locks: a row that passes the fence then passes it to the end. Its list, @moved, drives the rest. (Never
--   joined with the outcomes: MySQL rereads a JSON_TABLE for each row of another one.)
-- * It locks no other job. A job that others wait for leaves a row in ended_parent. It reads the flag from the locked
--   row, so a child that is just being resolved either sees the end in history or learns it from that row.
-- * Batches and roll-ups are appended, or counted in a row that nobody else writes.
-- * A lane goes back together with the last outcome of its run.
-- * One round trip: while a node's event loop is blocked, nobody waits for locks that it took before.
SET @outcomes = :outcomes;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
    j.id, j.has_dependents, o.state, j.batch_id, EXTRACT(YEAR_MONTH FROM j.created_at),
    IF(o.release_worker = 1, j.worker, NULL)
)), '[]'), IF(SUM(j.has_dependents) > 0, 1, 0), COUNT(j.batch_id),
    IF(MIN(EXTRACT(YEAR_MONTH FROM j.created_at)) < EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP()), 1, 0)
INTO @moved, @parents, @batched, @late
FROM JSON_TABLE(@outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$.state',
    release_worker INT PATH '$.release_worker'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE j.attempt = o.attempt
  AND j.node_id = :node_id
FOR UPDATE /*!50799 OF j */;

INSERT INTO dbjobs_completed_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta, trace_context,
    cancel_requested_at, node_id, created_month
)
SELECT
    j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
    j.depends_on, j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id,
    j.request_type, j.command, j.request, j.request_body, COALESCE(o.response, j.response),
    COALESCE(o.response_body, j.response_body), o.state, j.started_at, j.executed_at,
    UTC_TIMESTAMP(6), IF(j.executed_at IS NULL, j.notified_at, UTC_TIMESTAMP(6)), j.last_activity_at, j.retry_limit, j.retry,
    j.on_failure, j.attempt, j.attempt_base, o.duration_ms, j.timeout_seconds,
    COALESCE(o.progress, j.progress), COALESCE(o.status, j.status), j.reply_to, NULL, NULL,
    j.errors,
    j.args, j.meta, j.trace_context, j.cancel_requested_at, j.node_id, EXTRACT(YEAR_MONTH FROM j.created_at)
FROM JSON_TABLE(@outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$.state',
    response VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.response',
    response_body LONGTEXT CHARACTER SET utf8mb4 PATH '$.response_body',
    duration_ms DOUBLE PATH '$.duration_ms',
    progress DOUBLE PATH '$.progress', status LONGTEXT CHARACTER SET utf8mb4 PATH '$.status'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE o.state = 'completed'
  AND j.attempt = o.attempt
  AND j.node_id = :node_id;

-- @if outcomes where state <> completed
INSERT INTO dbjobs_failed_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta, trace_context,
    cancel_requested_at, node_id, created_month
)
SELECT
    j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
    j.depends_on, j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id,
    j.request_type, j.command, j.request, j.request_body, j.response,
    j.response_body, o.state, j.started_at, j.executed_at,
    UTC_TIMESTAMP(6), j.notified_at, j.last_activity_at, j.retry_limit, j.retry,
    j.on_failure, j.attempt, j.attempt_base, o.duration_ms, j.timeout_seconds,
    COALESCE(o.progress, j.progress), COALESCE(o.status, j.status), j.reply_to, o.error_code, o.error,
    JSON_MERGE_PRESERVE(COALESCE(j.errors, '[]'), COALESCE(o.failure, '[]')),
    j.args, j.meta, j.trace_context, j.cancel_requested_at, j.node_id, EXTRACT(YEAR_MONTH FROM j.created_at)
FROM JSON_TABLE(@outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$.state',
    duration_ms DOUBLE PATH '$.duration_ms', error_code VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.error_code',
    error LONGTEXT CHARACTER SET utf8mb4 PATH '$.error', failure LONGTEXT CHARACTER SET utf8mb4 PATH '$.failure',
    progress DOUBLE PATH '$.progress', status LONGTEXT CHARACTER SET utf8mb4 PATH '$.status'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE o.state <> 'completed'
  AND j.attempt = o.attempt
  AND j.node_id = :node_id;

DELETE j
FROM JSON_TABLE(@moved, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS m
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = m.id;

-- @if outcomes where release_worker
DELETE w
FROM JSON_TABLE(@moved, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[5]')) AS m
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(m.worker USING utf8mb4)
WHERE w.node_id = :node_id;

INSERT INTO dbjobs_job_stat (minute, queue, command, counter, completed, failed, cancelled, duration_ms)
SELECT minute, queue, command, counter, completed, 0, 0, duration_ms
FROM (
    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:00') AS minute, j.queue, j.command, :counter AS counter,
        COUNT(*) AS completed, COALESCE(SUM(j.duration_ms), 0) AS duration_ms
    FROM JSON_TABLE(@moved, '$[*]' COLUMNS (id BIGINT PATH '$[0]', month INT PATH '$[4]')) AS m
    STRAIGHT_JOIN dbjobs_completed_job j FORCE INDEX (PRIMARY) ON j.id = m.id AND j.created_month = m.month
    GROUP BY j.queue, j.command
    ORDER BY j.queue, j.command
) n
ON DUPLICATE KEY UPDATE
    completed = dbjobs_job_stat.completed + n.completed, duration_ms = dbjobs_job_stat.duration_ms + n.duration_ms;

-- @if outcomes where state <> completed
INSERT INTO dbjobs_job_stat (minute, queue, command, counter, completed, failed, cancelled, duration_ms)
SELECT minute, queue, command, counter, 0, failed, cancelled, duration_ms
FROM (
    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:00') AS minute, j.queue, j.command, :counter AS counter,
        SUM(j.state = 'failed') AS failed, SUM(j.state = 'cancelled') AS cancelled,
        COALESCE(SUM(j.duration_ms), 0) AS duration_ms
    FROM JSON_TABLE(@moved, '$[*]' COLUMNS (id BIGINT PATH '$[0]', month INT PATH '$[4]')) AS m
    STRAIGHT_JOIN dbjobs_failed_job j FORCE INDEX (PRIMARY) ON j.id = m.id AND j.created_month = m.month
    GROUP BY j.queue, j.command
    ORDER BY j.queue, j.command
) n
ON DUPLICATE KEY UPDATE
    failed = dbjobs_job_stat.failed + n.failed, cancelled = dbjobs_job_stat.cancelled + n.cancelled,
    duration_ms = dbjobs_job_stat.duration_ms + n.duration_ms;

-- A requeued parent may have ended before, with children that have not been told of that yet.
INSERT INTO dbjobs_ended_parent (parent_id, state)
SELECT id, state
FROM JSON_TABLE(IF(@parents, @moved, '[]'), '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', has_dependents INT PATH '$[1]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
)) AS m
WHERE has_dependents = 1
ON DUPLICATE KEY UPDATE state = m.state;

INSERT INTO dbjobs_job_batch (batch_id, completed, failed, cancelled)
SELECT batch_id, SUM(state = 'completed'), SUM(state = 'failed'), SUM(state = 'cancelled')
FROM JSON_TABLE(IF(@batched, @moved, '[]'), '$[*]' COLUMNS (
    state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]', batch_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[3]'
)) AS m
WHERE batch_id IS NOT NULL
GROUP BY batch_id;

INSERT INTO dbjobs_late_end (created_month, ended_month)
SELECT DISTINCT m.month, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
FROM JSON_TABLE(IF(@late, @moved, '[]'), '$[*]' COLUMNS (month INT PATH '$[4]')) AS m
WHERE m.month < EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
  AND NOT EXISTS (
      SELECT 1 FROM dbjobs_late_end l
      WHERE l.created_month = m.month AND l.ended_month = EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
  );

-- @packed id has_dependents
SELECT @moved AS moved;
