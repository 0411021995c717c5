-- Frees the lanes of a node that holds no more jobs, and deletes the node. A node that still holds jobs stays whole.
-- Only called for a buried node, or for our own stopped one. Such a node may have claimed once more just as it ended:
-- the write lock of this transaction comes before or after that claim. Two files cannot commit as one: after a crash in
-- between, find_orphans finds the lanes of a node without a row.
DELETE FROM dbjobs_job_worker
WHERE node_id = :node_id AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job j WHERE j.node_id = :node_id);

-- @as held
SELECT id FROM dbjobs_background_job WHERE node_id = :node_id LIMIT 1;

-- @nodes
DELETE FROM dbjobs_job_node
WHERE id = :node_id AND NOT EXISTS (SELECT 1 FROM json_each(:held.id));

-- @nodes
SELECT :node_id AS id WHERE changes() > 0;
