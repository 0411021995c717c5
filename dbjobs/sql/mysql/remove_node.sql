-- Frees the lanes of a node that holds no more jobs, and deletes the node. A node that still holds jobs stays whole (a
-- lane must not be free before its job is). Only called for a buried node, or for our own stopped one: nobody claims in
-- its name any more. One transaction and one round trip; it skips locked lanes, and then the node stays, too.
SELECT COALESCE(JSON_ARRAYAGG(worker), '[]')
INTO @lanes
FROM dbjobs_job_worker FORCE INDEX (node)
WHERE node_id = :node_id
  AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job FORCE INDEX (line) WHERE line = CONCAT('n:', :node_id));

SELECT COALESCE(JSON_ARRAYAGG(w.worker), '[]')
INTO @lanes
FROM JSON_TABLE(@lanes, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS l
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(l.worker USING utf8mb4)
WHERE w.node_id = :node_id
FOR UPDATE /*!50799 OF w */ SKIP LOCKED;

DELETE w
FROM JSON_TABLE(@lanes, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS l
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(l.worker USING utf8mb4);

SELECT COUNT(*)
INTO @gone
FROM dbjobs_job_node
WHERE id = :node_id
FOR UPDATE SKIP LOCKED;

SELECT IF(
    @gone = 1
    AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job FORCE INDEX (line) WHERE line = CONCAT('n:', :node_id))
    AND NOT EXISTS (SELECT 1 FROM dbjobs_job_worker FORCE INDEX (node) WHERE node_id = :node_id), 1, 0
)
INTO @gone;

DELETE FROM dbjobs_job_node WHERE id = :node_id AND @gone = 1;

SELECT g.id FROM (SELECT :node_id AS id, @gone AS gone) g WHERE g.gone = 1;
