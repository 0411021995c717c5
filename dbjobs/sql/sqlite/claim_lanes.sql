-- Takes leases on idle named workers and claims a run of jobs for each, in one transaction.
--
-- * `lane` is a skip scan: one probe of background_job_lane per distinct worker, from a moving start, so
--   the cost grows with the lanes it reads, not with the jobs behind them.
-- * It leaves a lane alone if this node cannot run its head (unknown command, queue not served): taking
--   the job behind it would break the order. So every leased lane yields a job.
-- * `queues` are those that this node serves, or with `all_but` those that it does not: a node that serves every queue
--   need not name them.
-- @nodes as alive
SELECT id
FROM dbjobs_job_node
WHERE id = :node_id AND buried = 0 AND lease_expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now');

-- @as leased packed worker
WITH RECURSIVE lane (worker, looked_at) AS (
    SELECT (
        SELECT worker
        FROM dbjobs_background_job
        WHERE state = 'queued' AND worker IS NOT NULL AND worker > :after_worker
        ORDER BY worker
        LIMIT 1
    ), 1
    UNION ALL
    SELECT (
        SELECT following.worker
        FROM dbjobs_background_job following
        WHERE following.state = 'queued' AND following.worker IS NOT NULL AND following.worker > lane.worker
        ORDER BY following.worker
        LIMIT 1
    ), lane.looked_at + 1
    FROM lane
    WHERE lane.worker IS NOT NULL AND lane.looked_at < :scan_limit
), idle AS (
    SELECT lane.worker
    FROM lane
    JOIN dbjobs_background_job head ON head.id = (
        SELECT c.id
        FROM dbjobs_background_job c
        WHERE c.worker = lane.worker
          AND c.state = 'queued'
          AND (c.expires_at IS NULL OR c.attempt > 0 OR c.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))
        ORDER BY c.priority, c.id
        LIMIT 1
    )
    WHERE head.command IN (SELECT value FROM json_each(:commands))
      AND (head.queue IN (SELECT value FROM json_each(:queues))) <> :all_but
      AND NOT EXISTS (SELECT 1 FROM dbjobs_job_worker w WHERE w.worker = lane.worker)
      AND EXISTS (SELECT 1 FROM json_each(:alive.id))
    LIMIT :lanes
)
SELECT json_group_array(worker) FROM idle;

INSERT INTO dbjobs_job_worker (worker, node_id) SELECT value, :node_id FROM json_each(:leased.worker);

-- The run of a lane ends before the first job that this node cannot run.
-- @as picked packed id
SELECT json_group_array(id)
FROM (
    SELECT j.id,
        min(
            j.command IN (SELECT value FROM json_each(:commands))
            AND (j.queue IN (SELECT value FROM json_each(:queues))) <> :all_but
        ) OVER (PARTITION BY j.worker ORDER BY j.priority, j.id) AS claimable
    FROM json_each(:leased.worker) l
    CROSS JOIN dbjobs_background_job j ON j.id IN (
        SELECT c.id
        FROM dbjobs_background_job c
        WHERE c.worker = l.value
          AND c.state = 'queued'
          AND (c.expires_at IS NULL OR c.attempt > 0 OR c.expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))
        ORDER BY c.priority, c.id
        LIMIT :run_length
    )
)
WHERE claimable;

UPDATE dbjobs_background_job
SET state = 'started', node_id = :node_id, attempt = attempt + 1, progress = NULL, status = NULL,
    started_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), last_activity_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id IN (SELECT value FROM json_each(:picked.id));

-- All rows as one text: with a row for each, the thread would let go of the interpreter's lock for each. SQLite takes no
-- text above a billion bytes, so many large jobs come one by one after all.
-- @packed
WITH size (characters) AS MATERIALIZED (
    SELECT sum(
        coalesce(length(request_body), 0) + coalesce(length(response_body), 0) + coalesce(length(meta), 0)
        + coalesce(length(args), 0)
    )
    FROM dbjobs_background_job
    WHERE id IN (SELECT value FROM json_each(:picked.id))
)
SELECT json_group_array(json_array(
    id, attempt, attempt_base, queue, worker, priority, command, request_type, request_body,
    response_body, executed_at, callback, retry_limit, retry, on_failure, timeout_seconds, created_at,
    ref_id, parent_id, batch_id, tag, user_id, created_by, reply_to, args, meta, trace_context, depends_on,
    has_dependents
))
FROM dbjobs_background_job
WHERE id IN (SELECT value FROM json_each(:picked.id)) AND (SELECT characters FROM size) < 16000000
UNION ALL
SELECT json_array(json_array(
    id, attempt, attempt_base, queue, worker, priority, command, request_type, request_body,
    response_body, executed_at, callback, retry_limit, retry, on_failure, timeout_seconds, created_at,
    ref_id, parent_id, batch_id, tag, user_id, created_by, reply_to, args, meta, trace_context, depends_on,
    has_dependents
))
FROM dbjobs_background_job
WHERE id IN (SELECT value FROM json_each(:picked.id)) AND (SELECT characters FROM size) >= 16000000;
