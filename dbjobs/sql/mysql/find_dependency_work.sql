-- Ended parents and unresolved children: two looks into short indexes, without locks, because every node asks twice a
-- second.
(SELECT 'parent' AS kind, parent_id AS id FROM dbjobs_ended_parent ORDER BY parent_id LIMIT :limit)
UNION ALL
(
    SELECT 'child', id
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = 'unresolved'
    ORDER BY place, id
    LIMIT :limit
);
