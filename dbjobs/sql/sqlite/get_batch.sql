-- The sum of what happened to a batch.
SELECT batch_id, sum(total) AS total, sum(completed) AS completed, sum(failed) AS failed, sum(cancelled) AS cancelled,
    min(created_at) AS created_at
FROM dbjobs_job_batch
WHERE batch_id = :batch_id
GROUP BY batch_id;
