-- Which of these ref_ids exist? job_ref has those of live jobs and of history.
SELECT ref_id, job_id FROM dbjobs.job_ref WHERE ref_id = ANY (:ref_ids::text[]);
