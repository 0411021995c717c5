-- Settings of queues, for a transfer: the page after a key (queue).
SELECT *
FROM dbjobs_job_queue
WHERE queue > :queue
ORDER BY queue
LIMIT :limit;
