-- Log lines of one month's jobs, for a transfer: the page after a key (job_id, id).
SELECT id, job_id, job_created_at, attempt, at, level, message
FROM dbjobs.job_log
WHERE job_created_at >= :since::timestamptz AND job_created_at < :until::timestamptz
  AND (job_id, id) > (:job_id::bigint, :id::bigint)
ORDER BY job_id, id
LIMIT :limit::integer;
