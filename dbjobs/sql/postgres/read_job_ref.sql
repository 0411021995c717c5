-- Idempotency keys, for a transfer: the page after a key (ref_id).
SELECT *
FROM dbjobs.job_ref
WHERE ref_id > :ref_id::text
ORDER BY ref_id
LIMIT :limit::integer;
