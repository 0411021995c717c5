-- Ended parents with children that must still be told, for a transfer: the page after a key (parent_id).
DECLARE @parent_id bigint = :parent_id, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.ended_parent
WHERE parent_id > @parent_id
ORDER BY parent_id;
