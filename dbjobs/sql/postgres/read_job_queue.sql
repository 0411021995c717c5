-- Settings of queues, for a transfer: the page after a key (queue).
SELECT *
FROM dbjobs.job_queue
WHERE queue > :queue::text
ORDER BY queue
LIMIT :limit::integer;
