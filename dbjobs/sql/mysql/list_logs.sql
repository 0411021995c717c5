SELECT id, job_id, attempt, at, level, message
FROM dbjobs_job_log
WHERE job_id = :job_id AND id > :after_id
ORDER BY id
LIMIT :limit;
