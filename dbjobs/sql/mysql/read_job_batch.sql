-- Sums of batches, for a transfer: the page after a key (batch_id).
SELECT batch_id, MIN(created_at) AS created_at,
    CAST(SUM(total) AS SIGNED) AS total, CAST(SUM(completed) AS SIGNED) AS completed,
    CAST(SUM(failed) AS SIGNED) AS failed, CAST(SUM(cancelled) AS SIGNED) AS cancelled
FROM dbjobs_job_batch
WHERE batch_id > :batch_id
GROUP BY batch_id
ORDER BY batch_id
LIMIT :limit;
