-- Paused or limited queues: the only ones that a node must know by name. There may be a queue per tenant, so it does
-- not read the others, which have a row only for the list of all queues. job_queue_settings serves it.
SELECT queue, paused, concurrency
FROM dbjobs_job_queue
WHERE paused OR concurrency IS NOT NULL
ORDER BY queue;
