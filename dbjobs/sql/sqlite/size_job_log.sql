-- How long the texts of the next rows are; read_job_log reads as many rows at once as fit.
-- @as place
SELECT :month AS month;

-- @months in place
SELECT id,
    coalesce(length(message), 0) AS bytes
FROM job_log
WHERE (job_id, id) > (:job_id, :id)
ORDER BY job_id, id
LIMIT :limit;
