-- The sum of what happened to a batch; job_batch_batch serves it.
SELECT batch_id, sum(total)::bigint AS total, sum(completed)::bigint AS completed, sum(failed)::bigint AS failed,
    sum(cancelled)::bigint AS cancelled, min(created_at) AS created_at
FROM dbjobs.job_batch
WHERE batch_id = :batch_id
GROUP BY batch_id;
