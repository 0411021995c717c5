-- Live jobs, for a transfer: the page after a key (id).
DECLARE @id bigint = :id, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.background_job
WHERE id > @id
ORDER BY id;
