-- The keys of deliveries: notify: and the id of the job they report on. This transaction inserted that job, so nobody
-- else wants the key, and nobody waits. If an application took such a key for a job of its own, it stays with that job.
INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
SELECT ref_id, job_id, to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')
FROM unnest(:refs.ref_id::text[], :refs.job_id::bigint[]) AS r (ref_id, job_id)
ORDER BY ref_id
ON CONFLICT (ref_id) DO NOTHING;
