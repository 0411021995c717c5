-- Who waits for whom: only appended here, and no parent is locked; resolve_children tells the parents.
-- @rows edges
INSERT INTO dbjobs_job_dependency (parent_id, child_id) VALUES (:parent_id, :child_id);
