-- Sums of batches, for a transfer: the page after a key (batch_id).
DECLARE @batch_id nvarchar(510) = :batch_id, @limit int = :limit;
SELECT TOP (@limit) batch_id, MIN(created_at) AS created_at,
    SUM(total) AS total, SUM(completed) AS completed, SUM(failed) AS failed, SUM(cancelled) AS cancelled
FROM dbjobs.job_batch
WHERE batch_id > @batch_id
GROUP BY batch_id
ORDER BY batch_id;
