-- Ended parents with children that must still be told, for a transfer: the page after a key (parent_id).
SELECT *
FROM dbjobs.ended_parent
WHERE parent_id > :parent_id::bigint
ORDER BY parent_id
LIMIT :limit::integer;
