-- Tells the children of ended parents that they have one parent less to wait for. One transaction and one round
-- trip; it skips what others have locked (parents that somebody else is working off, children), and those rows stay for
-- the sweep.
--
-- It finds edges without locks and deletes them by their whole key, under the lock on their child: a locking look would
-- wait for the edges that callers' open transactions append. A child with an uncommitted edge is unresolved, and finds
-- the parent's end in history.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(parent_id, state)), '[]')
INTO @parents
FROM dbjobs_ended_parent FORCE INDEX (PRIMARY)
WHERE parent_id IN (:parents)
FOR UPDATE SKIP LOCKED;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(parent_id, child_id, state)), '[]')
INTO @edges
FROM (
    SELECT d.parent_id, d.child_id, p.state
    FROM JSON_TABLE(@parents, '$[*]' COLUMNS (
        id BIGINT PATH '$[0]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[1]'
    )) AS p
    STRAIGHT_JOIN dbjobs_job_dependency d FORCE INDEX (PRIMARY) ON d.parent_id = p.id
    LIMIT :limit
) edge;

-- The edges of children that we hold in this transaction, and how each child takes the end: 'failed' if its policy does
-- not accept the parent's end. Such a child is doomed: it stays as it is, with its edge, and the caller cancels it.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(e.parent_id, e.child_id, CASE
    WHEN j.state <> 'waiting' OR e.state = 'completed' OR j.depends_on_policy <> 'completed' THEN 'over'
    ELSE 'failed'
END)), '[]')
INTO @held
FROM JSON_TABLE(@edges, '$[*]' COLUMNS (
    parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
)) AS e
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = e.child_id
FOR UPDATE /*!50799 OF j */ SKIP LOCKED;

-- And the edges of children that are no longer live.
SELECT JSON_MERGE_PRESERVE(@held, COALESCE(JSON_ARRAYAGG(JSON_ARRAY(e.parent_id, e.child_id, 'over')), '[]'))
INTO @held
FROM JSON_TABLE(@edges, '$[*]' COLUMNS (parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]')) AS e
LEFT JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = e.child_id
WHERE j.id IS NULL;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
    j.id, GREATEST(j.pending - v.ended, 0),
    CASE
        WHEN j.pending > v.ended OR v.failed IS NOT NULL THEN 'waiting'
        WHEN j.run_after > UTC_TIMESTAMP(6) THEN 'scheduled'
        ELSE 'queued'
    END,
    j.queue, j.priority, j.worker, v.failed
)), '[]')
INTO @children
FROM (
    SELECT child_id, COALESCE(SUM(fate = 'over'), 0) AS ended, MIN(IF(fate = 'failed', parent_id, NULL)) AS failed
    FROM JSON_TABLE(@held, '$[*]' COLUMNS (
        parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]',
        fate VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
    )) AS h
    GROUP BY child_id
) v
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = v.child_id
WHERE j.state = 'waiting';

UPDATE JSON_TABLE(@children, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', pending INT PATH '$[1]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
)) AS c
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = c.id
SET j.pending = c.pending, j.state = c.state, j.unresolved = IF(c.state = 'waiting', j.unresolved, 0),
    j.line = CASE
        WHEN c.state = 'scheduled' THEN 'due'
        WHEN c.state = 'queued' THEN IF(j.worker IS NULL, CONCAT('q:', j.queue), CONCAT('w:', j.worker))
        ELSE j.line
    END;

DELETE d
FROM JSON_TABLE(@held, '$[*]' COLUMNS (
    parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]', fate VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
)) AS h
STRAIGHT_JOIN dbjobs_job_dependency d FORCE INDEX (PRIMARY) ON d.parent_id = h.parent_id AND d.child_id = h.child_id
WHERE h.fate = 'over';

-- A SELECT first: a DELETE that asks another table locks what it reads there. A scalar subquery: always one probe per
-- parent. NOT EXISTS may become a join that reads every edge.
SELECT COALESCE(JSON_ARRAYAGG(p.id), '[]')
INTO @told
FROM JSON_TABLE(@parents, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS p
WHERE (SELECT d.child_id FROM dbjobs_job_dependency d FORCE INDEX (PRIMARY) WHERE d.parent_id = p.id LIMIT 1) IS NULL;

DELETE e
FROM JSON_TABLE(@told, '$[*]' COLUMNS (id BIGINT PATH '$')) AS p
STRAIGHT_JOIN dbjobs_ended_parent e FORCE INDEX (PRIMARY) ON e.parent_id = p.id;

SELECT id, state, queue, priority, worker, failed_parent_id
FROM JSON_TABLE(@children, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]',
    queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[3]', priority INT PATH '$[4]',
    worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[5]', failed_parent_id BIGINT PATH '$[6]'
)) AS c;
