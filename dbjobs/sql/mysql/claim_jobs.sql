-- Claims a batch of ready jobs without a named worker, for every queue in one transaction.
--
-- * `line` serves it: both halves of the start place are ranges of that index, so a claim starts right behind the last
--   job claimed and does not walk the entries of claimed jobs that purge has not removed yet.
-- * SKIP LOCKED: rows that another node is claiming at this moment are passed by, not waited for.
-- * The shared lock on our own node row: the rescue of this node (it locks the row for itself) and this claim exclude
--   each other, so no job can be claimed in the name of a node that has just been buried.
-- * Pick with SKIP LOCKED, then write by primary key: locks are taken in one order only.
-- * Queues are visited in the order given, until there is no room; the caller turns that order at every claim.
SELECT id FROM dbjobs_job_node WHERE id = :node_id LOCK IN SHARE MODE;

-- @each wanted within room as picked packed id
SELECT JSON_ARRAYAGG(id)
FROM (
    SELECT id
    FROM (
        SELECT id, place
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = CONCAT('q:', :queue)
          AND (place = :after_priority AND id > :after_id OR place > :after_priority)
          AND command IN (:commands)
          AND (expires_at IS NULL OR expires_at > UTC_TIMESTAMP(6))
          AND EXISTS (
              SELECT 1 FROM dbjobs_job_node WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6)
          )
        ORDER BY place, id
        LIMIT :slots
        FOR UPDATE SKIP LOCKED
    ) ready
    ORDER BY place, id
    LIMIT :left
) picked;

-- @if picked
UPDATE dbjobs_background_job
SET state = 'started', node_id = :node_id, attempt = attempt + 1, started_at = UTC_TIMESTAMP(6),
    last_activity_at = UTC_TIMESTAMP(6), progress = NULL, status = NULL
WHERE id IN (:picked.id);

-- @if picked packed
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    id, attempt, attempt_base, queue, worker, priority, command, request_type, request_body,
    response_body, executed_at, callback, retry_limit, retry, on_failure, timeout_seconds, created_at,
    ref_id, parent_id, batch_id, tag, user_id, created_by, reply_to, args, meta, trace_context, depends_on,
    has_dependents
))
FROM dbjobs_background_job
WHERE id IN (:picked.id);
