-- Which of these ref_ids exist? job_ref knows those of live jobs and of history: no month is opened.
SELECT ref_id, job_id FROM dbjobs_job_ref WHERE ref_id IN (SELECT value FROM json_each(:ref_ids));
