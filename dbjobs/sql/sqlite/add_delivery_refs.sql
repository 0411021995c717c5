-- The keys of deliveries: notify: and the id of the job that they tell of, which this transaction has inserted, so nobody
-- else wants them. One that an application has taken for a job of its own stays with that one.
-- @each refs
INSERT INTO dbjobs_job_ref (ref_id, job_id, month)
SELECT :ref_id, id, strftime('%Y%m', created_at) FROM dbjobs_background_job WHERE id = :job_id
ON CONFLICT (ref_id) DO NOTHING;
