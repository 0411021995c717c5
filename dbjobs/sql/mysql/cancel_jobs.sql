-- Cancels jobs, in one transaction and one round trip. It locks by id first and decides then: if a job is just going
-- into its retry, or being claimed, the state under our lock counts. It skips rows that others have locked; these yield
-- no row, and the caller tries them again.
--
-- * Not started: moved to history, with everything its end means for others (see finish_jobs). If such a job was
--   blocking its lane (while waiting for its retry), the lane is free again; the job waits for no parent any more.
-- * expired: only jobs that still are. A job found before may have been started or requeued since (it has no end then).
-- * Started: its node learns of the request at its next heartbeat.
-- * Deletes go by the whole key: a locking look along an index would also lock the entry behind the last one, which may
--   be a row of a caller's open transaction.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
    id, IF(state IN ('scheduled', 'waiting', 'queued'), 'cancelled', 'started'), batch_id, has_dependents, worker,
    IF(state IN ('scheduled', 'waiting', 'queued'), 1, 0), EXTRACT(YEAR_MONTH FROM created_at)
)), '[]')
INTO @locked
FROM dbjobs_background_job FORCE INDEX (PRIMARY)
WHERE id IN (:ids) AND (NOT :expired OR attempt = 0 AND expires_at <= UTC_TIMESTAMP(6))
FOR UPDATE SKIP LOCKED;

INSERT INTO dbjobs_failed_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, started_at, executed_at, completed_at,
    notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
    timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta, trace_context,
    cancel_requested_at, node_id, created_month
)
SELECT
    j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback, j.depends_on,
    j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id, j.request_type, j.command,
    j.request, j.request_body, j.response, j.response_body, 'cancelled', j.started_at, j.executed_at, UTC_TIMESTAMP(6),
    j.notified_at, j.last_activity_at, j.retry_limit, j.retry, j.on_failure, j.attempt, j.attempt_base, j.duration_ms,
    j.timeout_seconds, j.progress, j.status, j.reply_to, :error_code, :error, j.errors, j.args, j.meta, j.trace_context,
    UTC_TIMESTAMP(6), NULL, EXTRACT(YEAR_MONTH FROM j.created_at)
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$[0]', ends INT PATH '$[5]')) AS l
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = l.id
WHERE l.ends = 1;

INSERT INTO dbjobs_job_stat (minute, queue, command, counter, cancelled)
SELECT minute, queue, command, counter, cancelled
FROM (
    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:00') AS minute, j.queue, j.command, :counter AS counter,
        COUNT(*) AS cancelled
    FROM JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$[0]', ends INT PATH '$[5]')) AS l
    STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = l.id
    WHERE l.ends = 1
    GROUP BY j.queue, j.command
    ORDER BY j.queue, j.command
) n
ON DUPLICATE KEY UPDATE cancelled = dbjobs_job_stat.cancelled + n.cancelled;

INSERT INTO dbjobs_ended_parent (parent_id, state)
SELECT id, 'cancelled'
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', has_dependents INT PATH '$[3]', ends INT PATH '$[5]'
)) AS l
WHERE ends = 1 AND has_dependents = 1
ON DUPLICATE KEY UPDATE state = 'cancelled';

INSERT INTO dbjobs_job_batch (batch_id, cancelled)
SELECT batch_id, COUNT(*)
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (
    batch_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[2]', ends INT PATH '$[5]'
)) AS l
WHERE ends = 1 AND batch_id IS NOT NULL
GROUP BY batch_id;

INSERT INTO dbjobs_late_end (created_month, ended_month)
SELECT DISTINCT l.month, EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (ends INT PATH '$[5]', month INT PATH '$[6]')) AS l
WHERE l.ends = 1 AND l.month < EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
  AND NOT EXISTS (
      SELECT 1 FROM dbjobs_late_end e
      WHERE e.created_month = l.month AND e.ended_month = EXTRACT(YEAR_MONTH FROM UTC_TIMESTAMP())
  );

DELETE w
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[4]', ends INT PATH '$[5]'
)) AS l
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(l.worker USING utf8mb4)
WHERE l.ends = 1 AND w.blocked_by = l.id;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(d.parent_id, d.child_id)), '[]')
INTO @edges
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$[0]', ends INT PATH '$[5]')) AS l
STRAIGHT_JOIN dbjobs_job_dependency d FORCE INDEX (child) ON d.child_id = l.id
WHERE l.ends = 1;

DELETE d
FROM JSON_TABLE(@edges, '$[*]' COLUMNS (parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]')) AS e
STRAIGHT_JOIN dbjobs_job_dependency d FORCE INDEX (PRIMARY) ON d.parent_id = e.parent_id AND d.child_id = e.child_id;

DELETE j
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$[0]', ends INT PATH '$[5]')) AS l
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = l.id
WHERE l.ends = 1;

UPDATE JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$[0]', ends INT PATH '$[5]')) AS l
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = l.id
SET j.cancel_requested_at = COALESCE(j.cancel_requested_at, UTC_TIMESTAMP(6))
WHERE l.ends = 0 AND :ask_running;

SELECT id, state
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[1]', ends INT PATH '$[5]'
)) AS l
WHERE ends = 1 OR :ask_running;
