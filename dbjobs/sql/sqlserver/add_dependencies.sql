-- The edges of children that this transaction inserted, so none can exist already. We need no look, which would lock
-- (the gaps, too) for as long as the caller's transaction is open.
DECLARE @edges nvarchar(max) = :edges;
INSERT INTO dbjobs.job_dependency (parent_id, child_id)
SELECT DISTINCT e.parent_id, e.child_id
FROM OPENJSON(@edges) WITH (parent_id bigint, child_id bigint) AS e;
