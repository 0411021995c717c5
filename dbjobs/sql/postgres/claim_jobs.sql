-- Claims a batch of ready jobs without a named worker, for every queue in one round trip.
--
-- * background_job_ready serves it: the row comparison is an index condition, so a claim starts right
--   behind the last claimed job. Without that start every claim would walk the dead entries of all jobs
--   claimed before it, which vacuum cannot remove while any session holds an old snapshot.
-- * SKIP LOCKED: it skips rows that another node is just claiming, and does not wait for them.
-- * KEY SHARE on our own node row: bury_node (it locks the row FOR UPDATE) and this claim exclude each other, so nobody
--   can claim a job in the name of a buried node. The heartbeat's update does not conflict with it.
-- * The update goes by primary key over the rows already locked. It takes the time from the clock: now() is from before
--   the look, and a job that was promoted in between must not have started before its time.
WITH me AS (
    SELECT id FROM dbjobs.job_node
    WHERE id = :node_id AND lease_expires_at > clock_timestamp() AND NOT buried
    FOR KEY SHARE SKIP LOCKED
), ready AS (
    SELECT j.id
    FROM me
    CROSS JOIN unnest(
        :wanted.queue::text[], :wanted.slots::integer[],
        :wanted.after_priority::integer[], :wanted.after_id::bigint[]
    ) AS q (queue, slots, after_priority, after_id)
    CROSS JOIN LATERAL (
        SELECT c.id
        FROM dbjobs.background_job c
        WHERE c.queue = q.queue
          AND c.state = 'queued'
          AND c.worker IS NULL
          AND (c.priority, c.id) > (q.after_priority, q.after_id)
          AND c.command = ANY (:commands::text[])
          AND (c.expires_at IS NULL OR c.attempt > 0 OR c.expires_at > now())
        ORDER BY c.priority, c.id
        LIMIT q.slots
        FOR UPDATE SKIP LOCKED
    ) j
    -- It visits queues in the given order; the caller rotates that order at every claim.
    LIMIT :room::integer
)
UPDATE dbjobs.background_job b
SET state = 'started', node_id = :node_id, attempt = b.attempt + 1, started_at = clock_timestamp(),
    last_activity_at = clock_timestamp(), progress = NULL, status = NULL
WHERE b.id = ANY (ARRAY(SELECT id FROM ready))
RETURNING b.id, b.attempt, b.attempt_base, b.queue, b.worker, b.priority, b.command, b.request_type,
    b.request_body, b.response_body, b.executed_at, b.callback, b.retry_limit, b.retry, b.on_failure,
    b.timeout_seconds, b.created_at, b.ref_id, b.parent_id, b.batch_id, b.tag, b.user_id, b.created_by,
    b.reply_to, b.args, b.meta, b.trace_context, b.depends_on, b.has_dependents;
