-- Nodes that hold jobs or lanes but have no row. There should be none; the janitor checks anyway. The indexes by node
-- hold only rows that a node holds.
SELECT node_id
FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK)
WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dbjobs.job_node AS n WHERE n.id = j.node_id)
UNION
SELECT node_id
FROM dbjobs.job_worker AS w WITH (READPAST, READCOMMITTEDLOCK)
WHERE node_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM dbjobs.job_node AS n WHERE n.id = w.node_id);
