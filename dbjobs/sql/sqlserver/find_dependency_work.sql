-- Pending work of release_children and resolve_children. Every node asks about every half second: two probes of indexes
-- that are nearly always empty. READPAST: it waits for no row that is uncommitted or in work.
DECLARE @limit int = :limit;
SELECT p.kind, p.id
FROM (
    SELECT TOP (@limit) N'parent' AS kind, e.parent_id AS id
    FROM dbjobs.ended_parent AS e WITH (READPAST, READCOMMITTEDLOCK)
    ORDER BY e.parent_id
) AS p
UNION ALL
SELECT c.kind, c.id
FROM (
    SELECT TOP (@limit) N'child' AS kind, j.id
    FROM dbjobs.background_job AS j WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_unresolved))
    WHERE j.unresolved = 1
    ORDER BY j.id
) AS c;
