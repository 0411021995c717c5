-- Live jobs, for a transfer: the page after a key (id).
SELECT *
FROM dbjobs.background_job
WHERE id > :id::bigint
ORDER BY id
LIMIT :limit::integer;
