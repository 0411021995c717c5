-- Who waits for whom: of jobs that this transaction has inserted.
-- @each edges
INSERT INTO dbjobs_job_dependency (parent_id, child_id) VALUES (:parent_id, :child_id);
