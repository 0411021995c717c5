-- Newest first. The primary key serves it.
SELECT id, at, actor, action, target, outcome, details
FROM dbjobs.audit
WHERE id < :before_id
ORDER BY id DESC
LIMIT :limit::integer;
