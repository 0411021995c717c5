-- The keys of jobs that this transaction inserted (so now() is their created_at, too); a key that exists already yields
-- no row. It waits only for another open transaction that inserted the very same key: only the end of that one tells
-- whether the key is free.
INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
SELECT ref_id, job_id, to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
FROM unnest(:refs.ref_id::text[], :refs.job_id::bigint[]) AS r (ref_id, job_id)
ORDER BY ref_id
ON CONFLICT (ref_id) DO NOTHING
RETURNING ref_id;
