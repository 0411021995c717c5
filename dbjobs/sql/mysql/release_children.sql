-- Parents have ended, in this transaction: their children have one parent less to wait for. A child
-- whose parent did not complete is named in the result as doomed, unless it takes any end.
-- Children are locked in id order, so that two finishing nodes with common children do not deadlock.
-- @as edge packed parent_id child_id
SELECT JSON_ARRAYAGG(JSON_ARRAY(parent_id, child_id))
FROM dbjobs_job_dependency
WHERE parent_id IN (:parents.id)
FOR UPDATE;

-- @if edge
DELETE FROM dbjobs_job_dependency WHERE parent_id IN (:parents.id);

-- @if edge as locked
SELECT COUNT(*) FROM dbjobs_background_job WHERE id IN (:edge.child_id) FOR UPDATE;

-- @if edge as ended packed id
SELECT JSON_ARRAYAGG(id)
FROM JSON_TABLE(:parents, '$[*]' COLUMNS (id BIGINT PATH '$.id', state VARCHAR(20) PATH '$.state')) AS p
WHERE state <> 'completed';

-- @if edge as child packed id pending state queue priority worker failed_parent_id
SELECT JSON_ARRAYAGG(JSON_ARRAY(id, pending, state, queue, priority, worker, failed_parent_id))
FROM (
    SELECT j.id, GREATEST(j.pending - edges.parents, 0) AS pending,
        CASE
            WHEN edges.failed_parent_id IS NOT NULL AND j.depends_on_policy = 'completed' THEN 'waiting'
            WHEN j.pending > edges.parents THEN 'waiting'
            WHEN j.run_after > UTC_TIMESTAMP(6) THEN 'scheduled'
            ELSE 'queued'
        END AS state,
        j.queue, j.priority, j.worker,
        IF(j.depends_on_policy = 'completed', edges.failed_parent_id, NULL) AS failed_parent_id
    FROM (
        SELECT e.child_id, COUNT(*) AS parents, MIN(IF(e.parent_id IN (:ended.id), e.parent_id, NULL)) AS failed_parent_id
        FROM JSON_TABLE(:edge, '$[*]' COLUMNS (
            parent_id BIGINT PATH '$.parent_id', child_id BIGINT PATH '$.child_id'
        )) AS e
        GROUP BY e.child_id
    ) edges
    STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = edges.child_id
    WHERE j.state = 'waiting'
) child;

-- @if child
UPDATE JSON_TABLE(:child, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', pending INT PATH '$.pending', state VARCHAR(20) PATH '$.state'
)) AS c
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = c.id
SET j.pending = c.pending, j.state = c.state;

-- @packed
SELECT JSON_ARRAYAGG(JSON_ARRAY(c.id, c.state, c.queue, c.priority, c.worker, c.failed_parent_id))
FROM JSON_TABLE(:child, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', state VARCHAR(20) PATH '$.state', queue VARCHAR(255) PATH '$.queue',
    priority INT PATH '$.priority', worker VARCHAR(255) PATH '$.worker', failed_parent_id BIGINT PATH '$.failed_parent_id'
)) AS c;
