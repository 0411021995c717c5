-- Edges between jobs, for a transfer: the page after a key (parent_id, child_id).
SELECT *
FROM dbjobs.job_dependency
WHERE (parent_id, child_id) > (:parent_id::bigint, :child_id::bigint)
ORDER BY parent_id, child_id
LIMIT :limit::integer;
