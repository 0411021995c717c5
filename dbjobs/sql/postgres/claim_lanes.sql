-- Takes leases on idle named workers and claims a run of jobs for each, in one round trip.
--
-- * `lane` is a skip scan: one probe of background_job_lane per distinct worker, from a moving start, so
--   the cost grows with the lanes it reads, not with the jobs behind them.
-- * It leaves a lane alone if this node cannot run its head (unknown command, queue not served): taking
--   the job behind it would break the order.
-- * `queues` are those that this node serves, or with `all_but` those that it does not: a node that serves every queue
--   need not name them.
-- * job_worker's primary key decides between nodes; ON CONFLICT DO NOTHING makes losing cheap.
-- * Once the lease is ours nobody else claims in the lane. If somebody else has locked a row even so (the job is being
--   cancelled), the run ends before it: we skip it and everything behind it, because taking that would break the order.
-- * We lock and claim a head by the place where we found it (ctid), which saves two lookups in the primary key. A head
--   that somebody has changed since has another place: older servers follow it there, newer ones skip it, as if it were
--   locked.
WITH RECURSIVE me AS (
    SELECT id FROM dbjobs.job_node
    WHERE id = :node_id AND lease_expires_at > clock_timestamp() AND NOT buried
    FOR KEY SHARE SKIP LOCKED
), lane AS (
    (
        SELECT worker, command, queue, 1 AS looked_at
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NOT NULL AND worker > :after_worker
        ORDER BY worker, priority, id
        LIMIT 1
    )
    UNION ALL
    SELECT following.worker, following.command, following.queue, lane.looked_at + 1
    FROM lane
    CROSS JOIN LATERAL (
        SELECT worker, command, queue
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NOT NULL AND worker > lane.worker
        ORDER BY worker, priority, id
        LIMIT 1
    ) following
    WHERE lane.looked_at < :scan_limit::integer
), idle AS (
    SELECT lane.worker
    FROM lane
    WHERE lane.command = ANY (:commands::text[])
      AND (lane.queue = ANY (:queues::text[])) <> :all_but::boolean
      -- A scalar subquery: always one probe per lane, never a join with all leases.
      AND (SELECT w.worker FROM dbjobs.job_worker w WHERE w.worker = lane.worker) IS NULL
    LIMIT :lanes::integer
), leased AS (
    INSERT INTO dbjobs.job_worker (worker, node_id)
    SELECT idle.worker, me.id FROM me CROSS JOIN idle ORDER BY idle.worker
    ON CONFLICT (worker) DO NOTHING
    RETURNING worker
), head AS (
    SELECT leased.worker, h.id, h.place, h.priority, h.mine
    FROM leased
    CROSS JOIN LATERAL (
        SELECT c.id, c.ctid AS place, c.priority,
               c.command = ANY (:commands::text[])
                   AND (c.queue = ANY (:queues::text[])) <> :all_but::boolean AS mine
        FROM dbjobs.background_job c
        WHERE c.worker = leased.worker
          AND c.state = 'queued'
          AND (c.expires_at IS NULL OR c.attempt > 0 OR c.expires_at > now())
        ORDER BY c.priority, c.id
        LIMIT :run_length::integer
    ) h
), held AS (
    SELECT id
    FROM dbjobs.background_job
    WHERE ctid = ANY (ARRAY(SELECT place FROM head)) AND state = 'queued'
    FOR UPDATE SKIP LOCKED
), run AS (
    SELECT head.place,
        bool_and(head.mine AND held.id IS NOT NULL) OVER (PARTITION BY head.worker ORDER BY head.priority, head.id)
            AS claimable
    FROM head
    LEFT JOIN held ON held.id = head.id
), claimed AS (
    UPDATE dbjobs.background_job b
    SET state = 'started', node_id = :node_id, attempt = b.attempt + 1, started_at = clock_timestamp(),
        last_activity_at = clock_timestamp(), progress = NULL, status = NULL
    WHERE b.ctid = ANY (ARRAY(SELECT place FROM run WHERE claimable))
    RETURNING b.id, b.attempt, b.attempt_base, b.queue, b.worker, b.priority, b.command, b.request_type,
        b.request_body, b.response_body, b.executed_at, b.callback, b.retry_limit, b.retry, b.on_failure,
        b.timeout_seconds, b.created_at, b.ref_id, b.parent_id, b.batch_id, b.tag, b.user_id, b.created_by,
        b.reply_to, b.args, b.meta, b.trace_context, b.depends_on, b.has_dependents
)
-- A lane that yielded no job (its head went away in between) comes back with a NULL id, to be released.
SELECT claimed.id, claimed.attempt, claimed.attempt_base, claimed.queue, leased.worker, claimed.priority,
    claimed.command, claimed.request_type, claimed.request_body, claimed.response_body,
    claimed.executed_at, claimed.callback, claimed.retry_limit, claimed.retry, claimed.on_failure,
    claimed.timeout_seconds, claimed.created_at, claimed.ref_id, claimed.parent_id, claimed.batch_id,
    claimed.tag, claimed.user_id, claimed.created_by, claimed.reply_to, claimed.args, claimed.meta,
    claimed.trace_context, claimed.depends_on, claimed.has_dependents
FROM leased
LEFT JOIN claimed ON claimed.worker = leased.worker;
