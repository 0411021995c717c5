-- Frees the lanes of a node that holds no more jobs, and deletes the node. One that still holds jobs stays whole. Only
-- called for a node that is buried, or for our own that has stopped: nobody claims in its name any more.
WITH held AS (
    SELECT id FROM dbjobs.background_job WHERE node_id = :node_id LIMIT 1
), freed AS (
    DELETE FROM dbjobs.job_worker WHERE node_id = :node_id AND NOT EXISTS (SELECT FROM held)
)
DELETE FROM dbjobs.job_node
WHERE id = :node_id AND NOT EXISTS (SELECT FROM held)
RETURNING id;
