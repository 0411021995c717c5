DECLARE @edges nvarchar(max) = :edges;
INSERT INTO dbjobs.job_dependency (parent_id, child_id)
SELECT DISTINCT e.parent_id, e.child_id
FROM OPENJSON(@edges) WITH (parent_id bigint, child_id bigint) AS e
WHERE NOT EXISTS (
    SELECT 1 FROM dbjobs.job_dependency AS d WHERE d.parent_id = e.parent_id AND d.child_id = e.child_id
);
