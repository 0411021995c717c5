-- The keys of jobs that this transaction inserted; a key that exists already yields no row.
-- @each refs
INSERT INTO dbjobs_job_ref (ref_id, job_id, month)
SELECT :ref_id, id, strftime('%Y%m', created_at) FROM dbjobs_background_job WHERE id = :job_id
ON CONFLICT (ref_id) DO NOTHING
RETURNING ref_id;
