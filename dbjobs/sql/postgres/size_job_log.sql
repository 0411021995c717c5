-- How long the texts of the next rows are; read_job_log reads as many rows at once as fit.
SELECT id,
    coalesce(octet_length(message::text), 0) AS bytes
FROM dbjobs.job_log
WHERE job_created_at >= :since::timestamptz AND job_created_at < :until::timestamptz
  AND (job_id, id) > (:job_id::bigint, :id::bigint)
ORDER BY job_id, id
LIMIT :limit::integer;
