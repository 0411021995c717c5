-- Claims a batch of ready jobs without a named worker, for every queue in one transaction and one round trip.
--
-- * `line` serves it: both halves of the start place are ranges of that index, so a claim starts right behind the last
--   claimed job and does not walk the entries of claimed jobs that purge has not removed yet.
-- * SKIP LOCKED: it skips rows that another node is just claiming, and does not wait for them.
-- * It takes a shared lock on our own node row, last: burying this node (which takes the row for itself, if it is free)
--   and this claim exclude each other, so nobody can claim a job in the name of a node that has just been buried. All
--   in one round trip, because the heartbeat waits for that lock, and the event loop may stop between two.
-- * It picks with SKIP LOCKED, then writes by primary key: it takes locks in one order only.
-- * One statement over all queues: with one per queue, a hundred queues of one job cost twice as much. It takes them in
--   the given order, until there is no room; the caller rotates that order at every claim. Rows locked beyond the room
--   are free again at the end.
-- @union wanted
SELECT COALESCE(JSON_ARRAYAGG(id), '[]') INTO @picked
FROM (
    (
        SELECT id
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = CONCAT('q:', :queue)
          AND (place = :after_priority AND id > :after_id OR place > :after_priority)
          AND command IN (:commands)
          AND (expires_at IS NULL OR attempt > 0 OR expires_at > UTC_TIMESTAMP(6))
        ORDER BY place, id
        LIMIT :slots
        FOR UPDATE SKIP LOCKED
    )
) ready;

SELECT IF(COUNT(*) = 1, @picked, '[]') INTO @picked
FROM dbjobs_job_node
WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6) AND NOT buried
LOCK IN SHARE MODE;

UPDATE JSON_TABLE(@picked, '$[*]' COLUMNS (position FOR ORDINALITY, id BIGINT PATH '$')) AS picked
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = picked.id
SET j.state = 'started', j.line = CONCAT('n:', :node_id), j.node_id = :node_id, j.attempt = j.attempt + 1,
    j.started_at = UTC_TIMESTAMP(6), j.last_activity_at = UTC_TIMESTAMP(6), j.progress = NULL, j.status = NULL
WHERE picked.position <= :room;

SELECT SUM(
    COALESCE(OCTET_LENGTH(j.request_body), 0) + COALESCE(OCTET_LENGTH(j.response_body), 0)
    + COALESCE(OCTET_LENGTH(j.meta), 0) + COALESCE(OCTET_LENGTH(j.args), 0)
) INTO @size
FROM JSON_TABLE(@picked, '$[*]' COLUMNS (position FOR ORDINALITY, id BIGINT PATH '$')) AS picked
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = picked.id
WHERE picked.position <= :room;

-- All rows as one text, which is cheapest for the driver, unless that could outgrow a packet: then each row by itself.
-- @packed
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    j.id, j.attempt, j.attempt_base, j.queue, j.worker, j.priority, j.command, j.request_type, j.request_body,
    j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure, j.timeout_seconds,
    j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by, j.reply_to, j.args, j.meta,
    j.trace_context, j.depends_on, j.has_dependents
))
FROM JSON_TABLE(@picked, '$[*]' COLUMNS (position FOR ORDINALITY, id BIGINT PATH '$')) AS picked
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = picked.id
WHERE picked.position <= :room AND @size < 2000000
UNION ALL
SELECT JSON_ARRAY(JSON_ARRAY(
    j.id, j.attempt, j.attempt_base, j.queue, j.worker, j.priority, j.command, j.request_type, j.request_body,
    j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure, j.timeout_seconds,
    j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by, j.reply_to, j.args, j.meta,
    j.trace_context, j.depends_on, j.has_dependents
))
FROM JSON_TABLE(@picked, '$[*]' COLUMNS (position FOR ORDINALITY, id BIGINT PATH '$')) AS picked
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = picked.id
WHERE picked.position <= :room AND @size >= 2000000;
