-- Takes leases on idle named workers and claims a run of jobs for each, in one transaction.
--
-- * `lane` is a skip scan: one probe of the index `line` per distinct worker, from a moving start, so the cost goes
--   with the lanes looked at and not with the jobs behind them.
-- * A lane whose head this node cannot run (unknown command, queue not served) is left alone: taking
--   the job behind it would break the order.
-- * job_worker's primary key decides between nodes; the row of one that was faster stays as it is.
-- * After the lease is ours nobody else claims in the lane, so the head rows are locked without SKIP.
SELECT id FROM dbjobs_job_node WHERE id = :node_id LOCK IN SHARE MODE;

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
  AND EXISTS (SELECT 1 FROM dbjobs_job_node WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6))
LIMIT :lanes;

-- @rows idle
INSERT INTO dbjobs_job_worker (worker, node_id) VALUES (:worker, :node_id)
ON DUPLICATE KEY UPDATE node_id = dbjobs_job_worker.node_id;

-- @if idle as leased
SELECT worker FROM dbjobs_job_worker WHERE worker IN (:idle.worker) AND node_id = :node_id;

-- @union leased as head packed worker id place mine
SELECT JSON_ARRAYAGG(JSON_ARRAY(worker, id, place, mine))
FROM (
    SELECT worker, id, place, command IN (:commands) AND queue IN (:queues) AS mine
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = CONCAT('w:', :worker) AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))
    ORDER BY place, id
    LIMIT :run_length
    FOR UPDATE
) head;

-- The run of a lane ends before the first job that this node cannot run.
-- @if head as run packed id
SELECT JSON_ARRAYAGG(id)
FROM (
    SELECT id, MIN(mine) OVER (PARTITION BY worker ORDER BY place, id) AS claimable
    FROM JSON_TABLE(:head, '$[*]' COLUMNS (
        worker VARCHAR(255) PATH '$.worker', id BIGINT PATH '$.id', place BIGINT PATH '$.place', mine INT PATH '$.mine'
    )) AS head
) AS run
WHERE claimable = 1;

-- @if run
UPDATE dbjobs_background_job
SET state = 'started', node_id = :node_id, attempt = attempt + 1, started_at = UTC_TIMESTAMP(6),
    last_activity_at = UTC_TIMESTAMP(6), progress = NULL, status = NULL
WHERE id IN (:run.id);

-- A lane that yielded no job (its head went away in between) comes back with a NULL id, to be released.
-- @if leased packed
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    b.id, b.attempt, b.attempt_base, b.queue, w.worker, b.priority, b.command, b.request_type, b.request_body,
    b.response_body, b.executed_at, b.callback, b.retry_limit, b.retry, b.on_failure, b.timeout_seconds,
    b.created_at, b.ref_id, b.parent_id, b.batch_id, b.tag, b.user_id, b.created_by, b.reply_to, b.args, b.meta,
    b.trace_context, b.depends_on, b.has_dependents
))
FROM dbjobs_job_worker w
LEFT JOIN dbjobs_background_job b ON b.id IN (:run.id) AND b.worker = w.worker
WHERE w.worker IN (:leased.worker);
