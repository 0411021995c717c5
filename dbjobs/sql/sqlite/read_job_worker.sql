-- Lanes that a retry blocks (lanes held by a node stay behind), for a transfer: the page after a key (worker).
SELECT worker, blocked_by
FROM dbjobs_job_worker
WHERE worker > :worker AND blocked_by IS NOT NULL
ORDER BY worker
LIMIT :limit;
