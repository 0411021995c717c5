-- What a dead node left behind, a page at a time. background_job_node serves it.
SELECT id, attempt, attempt_base, retry_limit, worker, cancel_requested_at, created_at, command, queue,
    executed_at
FROM dbjobs_background_job
WHERE node_id = :node_id
ORDER BY id
LIMIT :limit;
