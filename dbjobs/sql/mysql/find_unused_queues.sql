-- Queues without settings that nobody has used for a time, longest unused first. The key `used` serves it; it reads the
-- few with a limit and leaves them out. Without locks.
SELECT queue
FROM dbjobs_job_queue FORCE INDEX (used)
WHERE paused = 0 AND concurrency IS NULL
  AND used_at < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
ORDER BY used_at
LIMIT :limit;
