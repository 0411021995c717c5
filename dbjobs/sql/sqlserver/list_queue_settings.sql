-- Queues that are paused or limited: the only ones that a node must know by name. There may be a queue for each
-- tenant, so the others, which have a row for the list of all queues only, are not read. An index for each
-- kind: a filtered index takes no OR.
SELECT queue, paused, concurrency
FROM dbjobs.job_queue WITH (INDEX (job_queue_paused))
WHERE paused = 1
UNION ALL
SELECT queue, paused, concurrency
FROM dbjobs.job_queue WITH (INDEX (job_queue_limited))
WHERE paused = 0 AND concurrency IS NOT NULL
ORDER BY queue;
