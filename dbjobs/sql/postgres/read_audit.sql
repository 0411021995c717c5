-- Who did what on the admin page, for a transfer: the page after a key (id).
SELECT *
FROM dbjobs.audit
WHERE id > :id::bigint
ORDER BY id
LIMIT :limit::integer;
