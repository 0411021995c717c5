-- Queues without settings that nobody has used for a time, longest unused first. dbjobs_job_queue_used serves it.
SELECT queue
FROM dbjobs_job_queue
WHERE NOT paused AND concurrency IS NULL
  AND used_at < strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds')
ORDER BY used_at
LIMIT :limit;
