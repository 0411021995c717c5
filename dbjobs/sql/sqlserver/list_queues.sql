-- NOLOCK, in the order of the index: the engine asks, and waits for no transaction that adds a queue. A setting that is
-- not committed yet can do no harm, a queue that is passed by could: it would look like one without settings.
SELECT queue, paused, concurrency
FROM dbjobs.job_queue WITH (NOLOCK, INDEX (job_queue_pkey))
ORDER BY queue;
