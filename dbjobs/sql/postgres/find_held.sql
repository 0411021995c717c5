-- What a node holds, a page at a time. background_job_node serves it. It skips rows that somebody has locked (a
-- handler's own transaction may still be open): a rescue goes on with the others and comes again. The share lock ends
-- with this statement, and the claim's and the finish's own writes are over in a moment.
SELECT id, attempt, attempt_base, retry_limit, worker, cancel_requested_at, created_at, command, queue,
    executed_at
FROM dbjobs.background_job
WHERE node_id = :node_id
ORDER BY id
LIMIT :limit::integer
FOR SHARE SKIP LOCKED;
