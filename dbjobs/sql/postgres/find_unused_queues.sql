-- Queues without settings that nobody has used for a time, longest unused first. job_queue_used serves it.
SELECT queue
FROM dbjobs.job_queue
WHERE NOT paused AND concurrency IS NULL
  AND used_at < statement_timestamp() - :seconds::double precision * interval '1 second'
ORDER BY used_at
LIMIT :limit::integer;
