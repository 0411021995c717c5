-- Queues without settings that nobody has used for a time, the longest unused first. The key `used` serves it; the few
-- with a limit are read and left out. Without locks.
SELECT queue
FROM dbjobs_job_queue FORCE INDEX (used)
WHERE paused = 0 AND concurrency IS NULL
  AND used_at < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
ORDER BY used_at
LIMIT :limit;
