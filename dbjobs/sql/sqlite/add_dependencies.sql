-- The edges of jobs that this transaction inserted.
-- @each edges
INSERT INTO dbjobs_job_dependency (parent_id, child_id) VALUES (:parent_id, :child_id);
