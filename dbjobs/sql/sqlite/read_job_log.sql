-- Log lines of one month's jobs, for a transfer: the page after a key (job_id, id).
-- @as place
SELECT :month AS month;

-- @months in place
SELECT id, job_id, job_created_at, attempt, at, level, message
FROM job_log
WHERE (job_id, id) > (:job_id, :id)
ORDER BY job_id, id
LIMIT :limit;
