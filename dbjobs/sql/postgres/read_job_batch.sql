-- Sums of batches, for a transfer: the page after a key (batch_id).
SELECT batch_id, min(created_at) AS created_at,
    sum(total)::bigint AS total, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
    sum(cancelled)::bigint AS cancelled
FROM dbjobs.job_batch
WHERE batch_id > :batch_id::text
GROUP BY batch_id
ORDER BY batch_id
LIMIT :limit::integer;
