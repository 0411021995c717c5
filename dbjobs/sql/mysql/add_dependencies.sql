-- Appends the edges between parents and children. It locks no parent; resolve_children tells the parents later.
-- @rows edges
INSERT INTO dbjobs_job_dependency (parent_id, child_id) VALUES (:parent_id, :child_id);
