-- What a node holds, a page at a time; the index `line` serves it. It skips rows that somebody has locked: a rescue
-- goes on with the others, and comes again while a suspended process keeps its own job's row. It finds rows without
-- locks, locks them by key, and lets go with this round trip.
SELECT COALESCE(JSON_ARRAYAGG(id), '[]')
INTO @held
FROM (
    SELECT id
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = CONCAT('n:', :node_id)
    ORDER BY place, id
    LIMIT :limit
) held;

SELECT j.id, j.attempt, j.attempt_base, j.retry_limit, j.worker, j.cancel_requested_at, j.created_at, j.command, j.queue,
    j.executed_at
FROM JSON_TABLE(@held, '$[*]' COLUMNS (id BIGINT PATH '$')) AS h
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = h.id
WHERE j.node_id = :node_id
FOR UPDATE /*!50799 OF j */ SKIP LOCKED;
