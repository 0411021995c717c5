-- Frees the lanes of a node that holds no more jobs, and deletes the node. A node that still holds jobs stays whole.
-- Only called for a buried node, or for our own stopped one: nobody claims in its name any more.
WITH held AS (
    SELECT id FROM dbjobs.background_job WHERE node_id = :node_id LIMIT 1
), freed AS (
    DELETE FROM dbjobs.job_worker WHERE node_id = :node_id AND NOT EXISTS (SELECT FROM held)
)
DELETE FROM dbjobs.job_node
WHERE id = :node_id AND NOT EXISTS (SELECT FROM held)
RETURNING id;
