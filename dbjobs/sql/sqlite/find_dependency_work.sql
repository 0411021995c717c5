-- Pending work of release_children and resolve_children. Every node asks about every half second: both looks go by key,
-- and nearly always find nothing.
SELECT * FROM (SELECT 'parent' AS kind, parent_id AS id FROM dbjobs_ended_parent ORDER BY parent_id LIMIT :limit)
UNION ALL
SELECT * FROM (SELECT 'child', id FROM dbjobs_background_job WHERE unresolved = 1 ORDER BY id LIMIT :limit);
