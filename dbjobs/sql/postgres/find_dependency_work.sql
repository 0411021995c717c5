-- Pending work of release_children and resolve_children. Every node asks about every half second: two probes of indexes
-- that are nearly always empty (ended_parent_pkey, background_job_unresolved).
(SELECT 'parent' AS kind, parent_id AS id FROM dbjobs.ended_parent ORDER BY parent_id LIMIT :limit::integer)
UNION ALL
(SELECT 'child', id FROM dbjobs.background_job WHERE unresolved ORDER BY id LIMIT :limit::integer);
