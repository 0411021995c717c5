-- NOLOCK, in index order: the engine asks, and does not wait for a transaction that adds a queue. An uncommitted
-- setting does no harm, but a skipped queue could: it would look like one without settings.
SELECT queue, paused, concurrency
FROM dbjobs.job_queue WITH (NOLOCK, INDEX (job_queue_pkey))
ORDER BY queue;
