-- Brings failed or cancelled jobs back under their own id, with a fresh set of tries, in one transaction and one round
-- trip. The attempt number goes on counting: it is part of the fence. With :as_they_were a job that was waiting when it
-- was cancelled comes back as it was: not before its time, expiring at its time, without the cancellation as its error.
-- A job whose parents are live again (this very call may revive them) waits for them, unresolved like a new child. (Not
-- if its body is done and only the callback is left.) If its last end has not reached all its children yet
-- (ended_parent), we take that back: they wait for its next end. It finds jobs without locks and locks them by the
-- whole key: a locking look would lock the neighbours, too.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(id, created_month)), '[]')
INTO @revived
FROM dbjobs_failed_job
WHERE id IN (:ids);

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(f.id, f.created_month)), '[]')
INTO @revived
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]', month INT PATH '$[1]')) AS r
STRAIGHT_JOIN dbjobs_failed_job f FORCE INDEX (PRIMARY) ON f.id = r.id AND f.created_month = r.month
FOR UPDATE /*!50799 OF f */ SKIP LOCKED;

INSERT INTO dbjobs_background_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
    depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
    request, request_body, response, response_body, state, executed_at, retry_limit, retry,
    on_failure, attempt, attempt_base, timeout_seconds, reply_to, error_code, error, errors, args,
    meta, trace_context, line
)
SELECT
    f.id, f.ref_id, f.parent_id, f.worker, f.queue, f.priority, f.tag, f.batch_id, f.callback, f.depends_on,
    f.depends_on_policy, IF(:as_they_were, f.run_after, NULL), IF(:as_they_were, f.expires_at, NULL), f.created_at,
    f.created_by, f.user_id, f.request_type, f.command,
    f.request, f.request_body, f.response, f.response_body,
    IF(:as_they_were AND f.run_after > UTC_TIMESTAMP(6), 'scheduled', 'queued'), f.executed_at, f.retry_limit, f.retry,
    f.on_failure, f.attempt, f.attempt, f.timeout_seconds, f.reply_to, IF(:as_they_were, NULL, f.error_code),
    IF(:as_they_were, NULL, f.error), f.errors, f.args, f.meta, f.trace_context,
    CASE
        WHEN :as_they_were AND f.run_after > UTC_TIMESTAMP(6) THEN 'due'
        WHEN f.worker IS NULL THEN CONCAT('q:', f.queue)
        ELSE CONCAT('w:', f.worker)
    END
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]', month INT PATH '$[1]')) AS r
STRAIGHT_JOIN dbjobs_failed_job f FORCE INDEX (PRIMARY) ON f.id = r.id AND f.created_month = r.month;

DELETE e
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS r
STRAIGHT_JOIN dbjobs_ended_parent e FORCE INDEX (PRIMARY) ON e.parent_id = r.id;

SELECT COALESCE(JSON_ARRAYAGG(r.id), '[]')
INTO @parents
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS r
WHERE (
    SELECT d.child_id FROM dbjobs_job_dependency d FORCE INDEX (PRIMARY) WHERE d.parent_id = r.id LIMIT 1
) IS NOT NULL;

UPDATE JSON_TABLE(@parents, '$[*]' COLUMNS (id BIGINT PATH '$')) AS p
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = p.id
SET j.has_dependents = 1;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(p.id, child.id)), '[]')
INTO @edges
FROM (
    SELECT DISTINCT j.id, d.parent_id
    FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS r
    STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = r.id
    STRAIGHT_JOIN JSON_TABLE(COALESCE(j.depends_on, '[]'), '$[*]' COLUMNS (parent_id BIGINT PATH '$')) AS d
    WHERE j.executed_at IS NULL
) child
STRAIGHT_JOIN dbjobs_background_job p FORCE INDEX (PRIMARY) ON p.id = child.parent_id;

INSERT INTO dbjobs_job_dependency (parent_id, child_id)
SELECT parent_id, child_id
FROM JSON_TABLE(@edges, '$[*]' COLUMNS (parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]')) AS e
ON DUPLICATE KEY UPDATE child_id = e.child_id;

UPDATE (
    SELECT child_id, COUNT(*) AS pending
    FROM JSON_TABLE(@edges, '$[*]' COLUMNS (child_id BIGINT PATH '$[1]')) AS e
    GROUP BY child_id
) c
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = c.child_id
SET j.state = 'waiting', j.pending = c.pending, j.unresolved = 1, j.line = 'unresolved';

INSERT INTO dbjobs_job_batch (batch_id, failed, cancelled)
SELECT f.batch_id, -SUM(f.state = 'failed'), -SUM(f.state = 'cancelled')
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]', month INT PATH '$[1]')) AS r
STRAIGHT_JOIN dbjobs_failed_job f FORCE INDEX (PRIMARY) ON f.id = r.id AND f.created_month = r.month
WHERE f.batch_id IS NOT NULL
GROUP BY f.batch_id;

DELETE f
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]', month INT PATH '$[1]')) AS r
STRAIGHT_JOIN dbjobs_failed_job f FORCE INDEX (PRIMARY) ON f.id = r.id AND f.created_month = r.month;

SELECT j.id, j.queue, j.priority, j.worker, j.state
FROM JSON_TABLE(@revived, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS r
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = r.id;
