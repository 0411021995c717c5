-- @rows edges
INSERT INTO dbjobs_job_dependency (parent_id, child_id) VALUES (:parent_id, :child_id)
ON DUPLICATE KEY UPDATE child_id = child_id;
