-- A batch is the sum of its changes; the index `batch` serves it.
SELECT batch_id, CAST(SUM(total) AS SIGNED) AS total, CAST(SUM(completed) AS SIGNED) AS completed,
    CAST(SUM(failed) AS SIGNED) AS failed, CAST(SUM(cancelled) AS SIGNED) AS cancelled, MIN(created_at) AS created_at
FROM dbjobs_job_batch FORCE INDEX (batch)
WHERE batch_id = :batch_id
GROUP BY batch_id;
