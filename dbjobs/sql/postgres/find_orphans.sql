-- Nodes that hold jobs or lanes but have no row. There should be none; the janitor checks anyway. A skip scan over
-- background_job_node: one probe per distinct node.
WITH RECURSIVE holder AS (
    (SELECT node_id FROM dbjobs.background_job WHERE node_id IS NOT NULL ORDER BY node_id LIMIT 1)
    UNION ALL
    SELECT following.node_id
    FROM holder
    CROSS JOIN LATERAL (
        SELECT node_id FROM dbjobs.background_job WHERE node_id > holder.node_id ORDER BY node_id LIMIT 1
    ) following
)
SELECT node_id FROM holder
WHERE NOT EXISTS (SELECT FROM dbjobs.job_node n WHERE n.id = holder.node_id)
UNION
SELECT node_id FROM dbjobs.job_worker w
WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT FROM dbjobs.job_node n WHERE n.id = w.node_id);
