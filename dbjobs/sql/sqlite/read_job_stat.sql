-- Counts of ended jobs, for a transfer: the page after a key (minute, queue, command, counter).
SELECT minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms
FROM dbjobs_job_stat
WHERE (minute, queue, command, counter) > (:minute, :queue, :command, :counter)
ORDER BY minute, queue, command, counter
LIMIT :limit;
