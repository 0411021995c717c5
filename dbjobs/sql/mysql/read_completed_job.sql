-- Completed jobs of one month, for a transfer: the page after a key (id).
SELECT *
FROM dbjobs_completed_job
WHERE created_month = CAST(:month AS SIGNED) AND id > :id
ORDER BY id
LIMIT :limit;
