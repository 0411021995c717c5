-- Nodes that hold jobs or lanes but have no row: remove_node was interrupted between its two files, or somebody removed
-- the nodes file. A skip scan over background_job_node: one probe per distinct node. It reads the holders first: a node
-- that registers meanwhile and claims has its row before it holds anything.
-- @as holder
WITH RECURSIVE holder (node_id) AS (
    SELECT min(node_id) FROM dbjobs_background_job WHERE node_id IS NOT NULL
    UNION ALL
    SELECT (SELECT min(j.node_id) FROM dbjobs_background_job j WHERE j.node_id > holder.node_id)
    FROM holder
    WHERE holder.node_id IS NOT NULL
)
SELECT node_id FROM holder WHERE node_id IS NOT NULL
UNION
SELECT node_id FROM dbjobs_job_worker WHERE node_id IS NOT NULL;

-- @nodes
SELECT h.value AS node_id
FROM json_each(:holder.node_id) h
WHERE NOT EXISTS (SELECT 1 FROM dbjobs_job_node n WHERE n.id = h.value);
