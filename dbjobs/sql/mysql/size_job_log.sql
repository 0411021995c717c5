-- How long the texts of the next rows are; read_job_log reads as many rows at once as fit.
SELECT id,
    COALESCE(LENGTH(message), 0) AS bytes
FROM dbjobs_job_log
WHERE created_month = CAST(:month AS SIGNED) AND job_id >= :job_id
  AND (job_id > :job_id OR id > :id)
ORDER BY job_id, id
LIMIT :limit;
