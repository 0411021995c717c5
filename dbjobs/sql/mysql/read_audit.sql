-- Who did what on the admin page, for a transfer: the page after a key (id).
SELECT *
FROM dbjobs_audit
WHERE id > :id
ORDER BY id
LIMIT :limit;
