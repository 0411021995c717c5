-- Takes leases on idle named workers and claims a run of jobs for each, in one transaction.
--
-- * `lane` is a skip scan (GROUP BY the first column of the index `line`) from a moving start, so the cost grows with
--   the lanes it reads, not with the jobs behind them. (The WITH RECURSIVE that other databases have here would make
--   MySQL and MariaDB probe from the start of the index each time.) ORDER BY line: without it the head is sorted out.
-- * It leaves a lane alone if this node cannot run its head (unknown command, queue not served): taking the job behind
--   it would break the order.
-- * `queues` are those that this node serves, or with `all_but` those that it does not: a node that serves every queue
--   need not name them.
-- * It finds lanes and heads without locks. All locks, and with them the decision, come in the last round trip: the
--   heartbeat waits for the one on our node's row, and the event loop may stop between two trips.
-- * It skips locked heads, and the jobs behind them in their lanes: it takes a lane only if its run has at least one
--   job. Jobs that a lane's last holder has run since the look are no longer `queued` and drop out; whatever was ahead
--   of them is ahead of ours, too.
-- * job_worker's primary key decides between nodes; the row of a faster one stays as it is. Existing rows are not
--   touched, because somebody may have locked them.
-- @as idle
SELECT head.worker
FROM (
    SELECT line
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > CONCAT('w:', :after_worker) AND line < 'w;'
    GROUP BY line
    ORDER BY line
    LIMIT :scan_limit
) lane
STRAIGHT_JOIN dbjobs_background_job head FORCE INDEX (PRIMARY) ON head.id = (
    SELECT c.id
    FROM dbjobs_background_job c FORCE INDEX (line)
    WHERE c.line = lane.line AND (c.expires_at IS NULL OR c.attempt > 0 OR c.expires_at > UTC_TIMESTAMP(6))
    ORDER BY c.line, c.place, c.id
    LIMIT 1
)
WHERE head.command IN (:commands)
  AND COALESCE(head.queue IN (:queues), 0) <> :all_but
  -- A scalar subquery: always one probe per lane, never a join with all leases.
  AND (SELECT w.worker FROM dbjobs_job_worker w FORCE INDEX (PRIMARY) WHERE w.worker = head.worker) IS NULL
LIMIT :lanes;

-- ORDER BY line again: without it MySQL reads each lane to its end, and sorts it.
-- @on mysql if idle as head packed worker id place mine
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    run.worker, run.id, run.place, run.command IN (:commands) AND COALESCE(run.queue IN (:queues), 0) <> :all_but
))
FROM JSON_TABLE(:idle, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker')) AS idle
CROSS JOIN LATERAL (
    SELECT j.worker, j.id, j.place, j.command, j.queue
    FROM dbjobs_background_job j FORCE INDEX (line)
    WHERE j.line = CONCAT('w:', CONVERT(idle.worker USING utf8mb4))
      AND (j.expires_at IS NULL OR j.attempt > 0 OR j.expires_at > UTC_TIMESTAMP(6))
    ORDER BY j.line, j.place, j.id
    LIMIT :run_length
) AS run;

-- MariaDB has no LATERAL. (MySQL took a tenth of a millisecond for each SELECT of such a union, a third of the claim.)
-- @on mariadb union idle as head packed worker id place mine
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    worker, id, place, command IN (:commands) AND COALESCE(queue IN (:queues), 0) <> :all_but
))
FROM (
    (
        SELECT worker, id, place, command, queue
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = CONCAT('w:', :worker) AND (expires_at IS NULL OR attempt > 0 OR expires_at > UTC_TIMESTAMP(6))
        ORDER BY place, id
        LIMIT :run_length
    )
) head;

-- @if head
SET @head = :head;

-- @if head
SELECT COALESCE(JSON_ARRAYAGG(JSON_OBJECT('worker', head.worker, 'id', head.id, 'place', head.place, 'mine', head.mine)), '[]')
INTO @locked
FROM JSON_TABLE(@head, '$[*]' COLUMNS (
    worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker', id BIGINT PATH '$.id',
    place BIGINT PATH '$.place', mine INT PATH '$.mine'
)) AS head
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = head.id
WHERE j.state = 'queued'
FOR UPDATE /*!50799 OF j */ SKIP LOCKED;

-- The run of a lane ends before the first job that this node cannot run, or that is ready but locked by somebody.
-- @if head
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(run.id, run.worker)), '[]') INTO @run
FROM (
    SELECT id, worker, MIN(mine) OVER (PARTITION BY worker ORDER BY place, id) AS claimable
    FROM (
        SELECT id, worker, place, MAX(mine) AS mine
        FROM (
            SELECT id, worker, place, mine
            FROM JSON_TABLE(@locked, '$[*]' COLUMNS (
                worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker', id BIGINT PATH '$.id',
                place BIGINT PATH '$.place', mine INT PATH '$.mine'
            )) AS locked
            UNION ALL
            SELECT j.id, head.worker, head.place, 0
            FROM JSON_TABLE(@head, '$[*]' COLUMNS (
                worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker', id BIGINT PATH '$.id',
                place BIGINT PATH '$.place'
            )) AS head
            STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = head.id
            WHERE j.state = 'queued'
        ) AS ready
        GROUP BY id, worker, place
    ) AS ready
) AS run
WHERE run.claimable = 1;

-- @if head
SELECT IF(COUNT(*) = 1, @run, '[]') INTO @run
FROM dbjobs_job_node
WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6) AND NOT buried
LOCK IN SHARE MODE;

-- @if head
SELECT COALESCE(JSON_ARRAYAGG(idle.worker), '[]') INTO @idle
FROM (
    SELECT DISTINCT CONVERT(worker USING utf8mb4) AS worker
    FROM JSON_TABLE(@run, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]')) AS run
    ORDER BY 1
) idle
LEFT JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = idle.worker
WHERE w.worker IS NULL;

-- @if head
INSERT INTO dbjobs_job_worker (worker, node_id)
SELECT idle.worker, :node_id
FROM JSON_TABLE(@idle, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS idle
ON DUPLICATE KEY UPDATE node_id = dbjobs_job_worker.node_id;

-- @if head
SELECT COALESCE(JSON_ARRAYAGG(run.id), '[]') INTO @run
FROM JSON_TABLE(@run, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]'
)) AS run
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(run.worker USING utf8mb4)
WHERE w.node_id = :node_id;

-- @if head
UPDATE JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id
SET j.state = 'started', j.line = CONCAT('n:', :node_id), j.node_id = :node_id, j.attempt = j.attempt + 1,
    j.started_at = UTC_TIMESTAMP(6), j.last_activity_at = UTC_TIMESTAMP(6), j.progress = NULL, j.status = NULL;

-- @if head
SELECT SUM(
    COALESCE(OCTET_LENGTH(j.request_body), 0) + COALESCE(OCTET_LENGTH(j.response_body), 0)
    + COALESCE(OCTET_LENGTH(j.meta), 0) + COALESCE(OCTET_LENGTH(j.args), 0)
) INTO @size
FROM JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id;

-- All rows as one text, which is cheapest for the driver, unless that could outgrow a packet: then each row by itself.
-- @if head packed
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    j.id, j.attempt, j.attempt_base, j.queue, j.worker, j.priority, j.command, j.request_type, j.request_body,
    j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure, j.timeout_seconds,
    j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by, j.reply_to, j.args, j.meta,
    j.trace_context, j.depends_on, j.has_dependents
))
FROM JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id
WHERE @size < 2000000
UNION ALL
SELECT JSON_ARRAY(JSON_ARRAY(
    j.id, j.attempt, j.attempt_base, j.queue, j.worker, j.priority, j.command, j.request_type, j.request_body,
    j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure, j.timeout_seconds,
    j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by, j.reply_to, j.args, j.meta,
    j.trace_context, j.depends_on, j.has_dependents
))
FROM JSON_TABLE(@run, '$[*]' COLUMNS (id BIGINT PATH '$')) AS run
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = run.id
WHERE @size >= 2000000;
