-- Sums of batches, for a transfer: the page after a key (batch_id).
SELECT batch_id, min(created_at) AS created_at,
    sum(total) AS total, sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled
FROM dbjobs_job_batch
WHERE batch_id > :batch_id
GROUP BY batch_id
ORDER BY batch_id
LIMIT :limit;
