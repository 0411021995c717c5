-- The node is gone; its lanes are free.
DELETE FROM dbjobs_job_worker WHERE node_id = :node_id;

DELETE FROM dbjobs_job_node WHERE id = :node_id;
