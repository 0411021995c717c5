-- A node that holds no job any more: its lanes are free, and it is forgotten. One that still holds jobs stays whole.
-- Only called for a node that is buried, or for our own that has stopped: nobody claims in its name any more.
DELETE FROM dbjobs_job_worker
WHERE node_id = :node_id AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job j WHERE j.node_id = :node_id);

DELETE FROM dbjobs_job_node
WHERE id = :node_id AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job j WHERE j.node_id = :node_id)
RETURNING id;
