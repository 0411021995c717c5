-- Who did what on the admin page, for a transfer: the page after a key (id).
DECLARE @id bigint = :id, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.audit
WHERE id > @id
ORDER BY id;
