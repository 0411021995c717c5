-- The node is gone; its lanes are free.
DECLARE @node_id bigint = :node_id;
BEGIN TRANSACTION;
DELETE FROM dbjobs.job_worker WHERE node_id = @node_id;
DELETE FROM dbjobs.job_node WHERE id = @node_id;
COMMIT TRANSACTION;
