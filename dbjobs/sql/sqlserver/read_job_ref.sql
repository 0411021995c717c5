-- Idempotency keys, for a transfer: the page after a key (ref_id).
DECLARE @ref_id nvarchar(510) = :ref_id, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.job_ref
WHERE ref_id > @ref_id
ORDER BY ref_id;
