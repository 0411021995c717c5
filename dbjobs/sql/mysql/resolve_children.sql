-- Tells parents of the waiting children that they do not know of yet, in one transaction and one round trip.
-- It skips locked children and parents; the sweep comes back for them.
--
-- Why nothing is missed: a finish reads has_dependents from the row that it has locked. If we set it here and commit
-- while the parent is live, its finish leaves a row in ended_parent, and the release that follows sees our edge. If the
-- parent moved before, the one snapshot below finds it in history. If somebody locked it, the child stays unresolved,
-- undecided.
SELECT COALESCE(JSON_ARRAYAGG(id), '[]')
INTO @locked
FROM dbjobs_background_job FORCE INDEX (PRIMARY)
WHERE id IN (:ids) AND line = 'unresolved'
FOR UPDATE SKIP LOCKED;

SELECT COALESCE(JSON_ARRAYAGG(parent_id), '[]')
INTO @parents
FROM (
    SELECT DISTINCT d.parent_id
    FROM JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$')) AS l
    STRAIGHT_JOIN dbjobs_job_dependency d FORCE INDEX (child) ON d.child_id = l.id
) parent;

SELECT COALESCE(JSON_ARRAYAGG(j.id), '[]')
INTO @parents
FROM JSON_TABLE(@parents, '$[*]' COLUMNS (id BIGINT PATH '$')) AS p
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = p.id
WHERE j.has_dependents = 0
FOR UPDATE /*!50799 OF j */ SKIP LOCKED;

UPDATE JSON_TABLE(@parents, '$[*]' COLUMNS (id BIGINT PATH '$')) AS p
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = p.id
SET j.has_dependents = 1;

-- The state of each parent, in one snapshot: live and told, live and not told, or ended in a way that the child accepts
-- or not. A parent that is nowhere counts as cancelled: it was taken back, or its month of history is gone.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(d.parent_id, l.id, CASE
    WHEN p.has_dependents = 1 THEN 'told'
    WHEN p.id IS NOT NULL THEN 'untold'
    WHEN c.id IS NOT NULL OR j.depends_on_policy <> 'completed' THEN 'over'
    WHEN d.parent_id IS NOT NULL THEN 'failed'
END)), '[]')
INTO @edges
FROM JSON_TABLE(@locked, '$[*]' COLUMNS (id BIGINT PATH '$')) AS l
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = l.id
LEFT JOIN dbjobs_job_dependency d FORCE INDEX (child) ON d.child_id = l.id
LEFT JOIN dbjobs_background_job p FORCE INDEX (PRIMARY) ON p.id = d.parent_id
LEFT JOIN dbjobs_completed_job c FORCE INDEX (PRIMARY) ON c.id = d.parent_id;

-- A child is doomed if its policy does not accept how a parent ended: it stays as it is, with that edge, and
-- the caller cancels it.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
    j.id, v.pending, v.untold,
    CASE
        WHEN v.pending > 0 OR v.failed IS NOT NULL THEN 'waiting'
        WHEN j.run_after > UTC_TIMESTAMP(6) THEN 'scheduled'
        ELSE 'queued'
    END,
    j.queue, j.priority, j.worker, v.failed,
    IF(v.failed IS NOT NULL OR v.untold = 0 OR v.pending <> j.pending, 1, 0)
)), '[]')
INTO @children
FROM (
    SELECT child_id, COALESCE(SUM(fate IN ('told', 'untold')), 0) AS pending, COALESCE(MAX(fate = 'untold'), 0) AS untold,
        MIN(IF(fate = 'failed', parent_id, NULL)) AS failed
    FROM JSON_TABLE(@edges, '$[*]' COLUMNS (
        parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]',
        fate VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
    )) AS e
    GROUP BY child_id
) v
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = v.child_id;

UPDATE JSON_TABLE(@children, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', pending INT PATH '$[1]', untold INT PATH '$[2]',
    state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[3]', failed_parent_id BIGINT PATH '$[7]', changed INT PATH '$[8]'
)) AS c
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = c.id
SET j.pending = c.pending, j.unresolved = c.untold, j.state = c.state,
    j.line = CASE
        WHEN c.state = 'scheduled' THEN 'due'
        WHEN c.state = 'queued' THEN IF(j.worker IS NULL, CONCAT('q:', j.queue), CONCAT('w:', j.worker))
        WHEN c.untold = 1 THEN 'unresolved'
    END
WHERE c.failed_parent_id IS NULL AND c.changed = 1;

DELETE d
FROM JSON_TABLE(@edges, '$[*]' COLUMNS (
    parent_id BIGINT PATH '$[0]', child_id BIGINT PATH '$[1]', fate VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[2]'
)) AS e
STRAIGHT_JOIN dbjobs_job_dependency d FORCE INDEX (PRIMARY) ON d.parent_id = e.parent_id AND d.child_id = e.child_id
WHERE e.fate = 'over';

SELECT id, state, queue, priority, worker, failed_parent_id
FROM JSON_TABLE(@children, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', state VARCHAR(20) CHARACTER SET utf8mb4 PATH '$[3]',
    queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[4]', priority INT PATH '$[5]',
    worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[6]', failed_parent_id BIGINT PATH '$[7]', changed INT PATH '$[8]'
)) AS c
WHERE changed = 1;
