-- The node is gone; its lanes are free.
WITH freed AS (DELETE FROM dbjobs.job_worker WHERE node_id = :node_id)
DELETE FROM dbjobs.job_node WHERE id = :node_id;
