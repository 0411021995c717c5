-- The keys of deliveries: notify: and the id of the job they report on. This transaction inserted that job, so nobody
-- else wants the key. If an application took such a key for a job of its own, it stays with that job.
-- @each refs
INSERT INTO dbjobs_job_ref (ref_id, job_id, month)
SELECT :ref_id, id, strftime('%Y%m', created_at) FROM dbjobs_background_job WHERE id = :job_id
ON CONFLICT (ref_id) DO NOTHING;
