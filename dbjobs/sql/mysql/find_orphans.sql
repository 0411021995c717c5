-- Nodes that hold jobs or lanes but have no row. There should be none; the janitor checks anyway.
SELECT DISTINCT node_id
FROM dbjobs_background_job FORCE INDEX (line)
WHERE line >= 'n:' AND line < 'n;' AND node_id NOT IN (SELECT id FROM dbjobs_job_node)
UNION
SELECT node_id
FROM dbjobs_job_worker
WHERE node_id IS NOT NULL AND node_id NOT IN (SELECT id FROM dbjobs_job_node);
