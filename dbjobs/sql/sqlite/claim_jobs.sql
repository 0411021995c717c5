-- Claims a batch of ready jobs without a named worker, for every queue in one transaction.
--
-- * background_job_ready serves it. Claimed jobs leave the index at once, but jobs of commands that this node
--   does not know stay, so a claim starts right behind the last claimed job. The start is a pair,
--   (priority, id), and SQLite uses only the first half of a row comparison as an index condition, hence the
--   two halves: the rest of that priority, then the lower ones.
-- * Under the one write lock no two nodes claim at the same moment. A node buried right after the first statement may
--   claim once more; its rescuer needs the same write lock to forget it, and then finds what it holds.
-- * It visits queues in the given order, until there is no room; the caller rotates that order at every claim.
-- @nodes as alive
SELECT id
FROM dbjobs_job_node
WHERE id = :node_id AND buried = 0 AND lease_expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now');

-- @each wanted as picked packed id
SELECT json_group_array(id) FROM (
    SELECT id
    FROM (
        SELECT * FROM (
            SELECT priority, id
            FROM dbjobs_background_job
            WHERE queue = :queue
              AND state = 'queued'
              AND worker IS NULL
              AND priority = :after_priority AND id > :after_id
              AND command IN (SELECT value FROM json_each(:commands))
              AND (expires_at IS NULL OR attempt > 0 OR expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))
            ORDER BY id
            LIMIT min(:slots, :room - :so_far)
        )
        UNION ALL
        SELECT * FROM (
            SELECT priority, id
            FROM dbjobs_background_job
            WHERE queue = :queue
              AND state = 'queued'
              AND worker IS NULL
              AND priority > :after_priority
              AND command IN (SELECT value FROM json_each(:commands))
              AND (expires_at IS NULL OR attempt > 0 OR expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now'))
            ORDER BY priority, id
            LIMIT min(:slots, :room - :so_far)
        )
    )
    WHERE EXISTS (SELECT 1 FROM json_each(:alive.id))
    ORDER BY priority, id
    LIMIT min(:slots, :room - :so_far)
);

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
