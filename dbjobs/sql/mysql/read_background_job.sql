-- Live jobs, for a transfer: the page after a key (id).
SELECT *
FROM dbjobs_background_job
WHERE id > :id
ORDER BY id
LIMIT :limit;
