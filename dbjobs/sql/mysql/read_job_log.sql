-- Log lines of one month's jobs, for a transfer: the page after a key (job_id, id).
-- A line has only the month of its job here: the moment is the job's own, wherever the job is now.
SELECT l.id, l.job_id,
    COALESCE(
        (SELECT j.created_at FROM dbjobs_background_job j WHERE j.id = l.job_id),
        (SELECT c.created_at FROM dbjobs_completed_job c WHERE c.id = l.job_id AND c.created_month = l.created_month),
        (SELECT f.created_at FROM dbjobs_failed_job f WHERE f.id = l.job_id AND f.created_month = l.created_month),
        STR_TO_DATE(CONCAT(l.created_month, '01'), '%Y%m%d')
    ) AS job_created_at,
    l.attempt, l.at, l.level, l.message
FROM dbjobs_job_log l
WHERE l.created_month = CAST(:month AS SIGNED)
  AND l.job_id >= :job_id
  AND (l.job_id > :job_id OR l.id > :id)
ORDER BY l.job_id, l.id
LIMIT :limit;
