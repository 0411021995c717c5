-- Which of these ref_ids exist? job_ref has those of live jobs and of history, so it opens no month.
SELECT ref_id, job_id FROM dbjobs_job_ref WHERE ref_id IN (SELECT value FROM json_each(:ref_ids));
