-- Paused or limited queues: the only ones that a node must know by name. There may be a queue per tenant, so it does
-- not read the others, which have a row only for the list of all queues. An index per kind: a filtered index takes no
-- OR.
SELECT queue, paused, concurrency
FROM dbjobs.job_queue WITH (INDEX (job_queue_paused))
WHERE paused = 1
UNION ALL
SELECT queue, paused, concurrency
FROM dbjobs.job_queue WITH (INDEX (job_queue_limited))
WHERE paused = 0 AND concurrency IS NOT NULL
ORDER BY queue;
