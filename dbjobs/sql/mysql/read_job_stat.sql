-- Counts of ended jobs, for a transfer: the page after a key (minute, queue, command, counter).
SELECT minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms
FROM dbjobs_job_stat
WHERE minute >= :minute
  AND (
      minute > :minute
      OR (minute = :minute AND queue > :queue)
      OR (minute = :minute AND queue = :queue AND command > :command)
      OR (minute = :minute AND queue = :queue AND command = :command AND counter > :counter)
  )
ORDER BY minute, queue, command, counter
LIMIT :limit;
