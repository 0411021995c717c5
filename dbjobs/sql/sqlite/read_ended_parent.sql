-- Ended parents with children that must still be told, for a transfer: the page after a key (parent_id).
SELECT *
FROM dbjobs_ended_parent
WHERE parent_id > :parent_id
ORDER BY parent_id
LIMIT :limit;
