-- Queues that are paused or limited: the only ones that a node must know by name. There may be a queue for each
-- tenant, so the others, which have a row for the list of all queues only, are not read. `settings` serves it.
SELECT queue, paused, concurrency FROM dbjobs_job_queue FORCE INDEX (settings) WHERE paused = 1
UNION ALL
SELECT queue, paused, concurrency
FROM dbjobs_job_queue FORCE INDEX (settings)
WHERE paused = 0 AND concurrency IS NOT NULL
ORDER BY queue;
