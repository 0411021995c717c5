-- Which of these ref_ids exist? Without locks.
SELECT ref_id, job_id FROM dbjobs_job_ref WHERE ref_id IN (:ref_ids);
