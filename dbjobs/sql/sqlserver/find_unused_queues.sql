-- Queues without settings that nobody has used for a time, longest unused first. job_queue_used serves it; READPAST: a
-- locked row is in use.
DECLARE @seconds float = :seconds, @limit int = :limit;
DECLARE @before datetime2(6) = DATEADD(
    millisecond, -CONVERT(int, (@seconds - FLOOR(@seconds / 86400) * 86400) * 1000),
    DATEADD(day, -CONVERT(int, FLOOR(@seconds / 86400)), SYSUTCDATETIME())
);
SELECT TOP (@limit) queue
FROM dbjobs.job_queue WITH (READPAST, READCOMMITTEDLOCK, INDEX (job_queue_used))
WHERE paused = 0 AND concurrency IS NULL AND used_at < @before
ORDER BY used_at;
