-- Takes leases on idle named workers and claims a run of jobs for each, in one transaction.
--
-- * `lane` is a skip scan: one probe of the index `line` per distinct worker, from a moving start, so the cost goes
--   with the lanes looked at and not with the jobs behind them.
-- * A lane whose head this node cannot run (unknown command, queue not served) is left alone: taking
--   the job behind it would break the order.
-- * Lanes and heads are found without locks. All locks, and with them the decision, come in the last round trip: the
--   heartbeat waits for the one on our node's row, and the event loop may stop between two trips.
-- * job_worker's primary key decides between nodes; the row of one that was faster stays as it is. What a lane's last
--   holder has run since the look is no longer `queued` and drops out; whatever was ahead of it is ahead of ours too.
-- @as idle
WITH RECURSIVE lane (worker, looked_at) AS (
    SELECT (
        SELECT worker
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line > CONCAT('w:', :after_worker) AND line < 'w;'
        ORDER BY line
        LIMIT 1
    ), 1
    UNION ALL
    SELECT (
        SELECT following.worker
        FROM dbjobs_background_job following FORCE INDEX (line)
        WHERE following.line > CONCAT('w:', lane.worker) AND following.line < 'w;'
        ORDER BY following.line
        LIMIT 1
    ), lane.looked_at + 1
    FROM lane
    WHERE lane.worker IS NOT NULL AND lane.looked_at < :scan_limit
)
SELECT lane.worker
FROM lane
STRAIGHT_JOIN dbjobs_background_job head FORCE INDEX (PRIMARY) ON head.id = (
    SELECT c.id
    FROM dbjobs_background_job c FORCE INDEX (line)
    WHERE c.line = CONCAT('w:', lane.worker) AND (c.expires_at IS NULL OR c.expires_at > UTC_TIMESTAMP(6))
    ORDER BY c.place, c.id
    LIMIT 1
)
WHERE head.command IN (:commands)
  AND head.queue IN (:queues)
  AND NOT EXISTS (SELECT 1 FROM dbjobs_job_worker w WHERE w.worker = lane.worker)
LIMIT :lanes;

-- @union idle as head packed worker id place mine
SELECT JSON_ARRAYAGG(JSON_ARRAY(worker, id, place, mine))
FROM (
    SELECT worker, id, place, command IN (:commands) AND queue IN (:queues) AS mine
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = CONCAT('w:', :worker) AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))
    ORDER BY place, id
    LIMIT :run_length
) head;

-- @if head
SELECT COUNT(*) INTO @alive
FROM dbjobs_job_node
WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6)
LOCK IN SHARE MODE;

-- @if head
INSERT INTO dbjobs_job_worker (worker, node_id)
SELECT idle.worker, idle.node_id
FROM (
    SELECT DISTINCT CONVERT(worker USING utf8mb4) AS worker, :node_id AS node_id
    FROM JSON_TABLE(:head, '$[*]' COLUMNS (worker VARCHAR(255) PATH '$.worker')) AS head
    WHERE @alive = 1
    ORDER BY 1
) idle
ON DUPLICATE KEY UPDATE node_id = dbjobs_job_worker.node_id;

-- The run of a lane ends before the first job that this node cannot run.
-- @if head
SELECT COALESCE(JSON_ARRAYAGG(run.id), '[]') INTO @run
FROM (
    SELECT id, worker, MIN(mine) OVER (PARTITION BY worker ORDER BY place, id) AS claimable
    FROM JSON_TABLE(:head, '$[*]' COLUMNS (
        worker VARCHAR(255) PATH '$.worker', id BIGINT PATH '$.id', place BIGINT PATH '$.place', mine INT PATH '$.mine'
    )) AS head
) AS run
WHERE run.claimable = 1 AND @alive = 1;

-- @if head
UPDATE JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = j.worker
SET j.state = 'started', j.node_id = :node_id, j.attempt = j.attempt + 1, j.started_at = UTC_TIMESTAMP(6),
    j.last_activity_at = UTC_TIMESTAMP(6), j.progress = NULL, j.status = NULL
WHERE j.state = 'queued' AND w.node_id = :node_id;

-- @if head
SELECT COALESCE(JSON_ARRAYAGG(j.worker), '[]') INTO @busy
FROM JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id
WHERE j.node_id = :node_id;

-- A lane that yielded no job (its head went away in between) comes back as a row without an id, to be released.
-- @if head packed
SELECT JSON_MERGE_PRESERVE(
    (SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
        j.id, j.attempt, j.attempt_base, j.queue, j.worker, j.priority, j.command, j.request_type, j.request_body,
        j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure, j.timeout_seconds,
        j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by, j.reply_to, j.args, j.meta,
        j.trace_context, j.depends_on, j.has_dependents
    )), '[]')
    FROM JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
    STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id
    WHERE j.node_id = :node_id),
    (SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(NULL, NULL, NULL, NULL, worker)), '[]')
    FROM dbjobs_job_worker
    WHERE worker IN (:head.worker) AND node_id = :node_id AND NOT JSON_CONTAINS(@busy, JSON_QUOTE(worker)))
);
