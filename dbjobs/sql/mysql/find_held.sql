-- What a dead node has left behind, a page at a time. The index `line` serves it.
SELECT id, attempt, attempt_base, retry_limit, worker, cancel_requested_at, created_at
FROM dbjobs_background_job FORCE INDEX (line)
WHERE line = CONCAT('n:', :node_id)
ORDER BY place, id
LIMIT :limit;
