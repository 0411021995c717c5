-- The keys of deliveries: notify: and the id of the job that they tell of, which this transaction has inserted, so nobody
-- else wants them, and nobody waits. One that an application has taken for a job of its own stays with that one.
INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
SELECT ref_id, job_id, to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
FROM unnest(:refs.ref_id::text[], :refs.job_id::bigint[]) AS r (ref_id, job_id)
ORDER BY ref_id
ON CONFLICT (ref_id) DO NOTHING;
