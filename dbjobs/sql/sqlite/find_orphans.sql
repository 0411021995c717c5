-- Nodes that hold jobs or lanes but have no row. There can be none; the janitor looks all the same.
-- A skip scan over background_job_node: one probe per distinct node.
WITH RECURSIVE holder (node_id) AS (
    SELECT min(node_id) FROM dbjobs_background_job WHERE node_id IS NOT NULL
    UNION ALL
    SELECT (SELECT min(j.node_id) FROM dbjobs_background_job j WHERE j.node_id > holder.node_id)
    FROM holder
    WHERE holder.node_id IS NOT NULL
)
SELECT node_id FROM holder
WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dbjobs_job_node n WHERE n.id = holder.node_id)
UNION
SELECT node_id FROM dbjobs_job_worker w
WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dbjobs_job_node n WHERE n.id = w.node_id);
