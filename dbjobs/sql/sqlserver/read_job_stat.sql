-- Counts of ended jobs, for a transfer: the page after a key (minute, queue, command, counter). A writer that
-- finds a row locked adds one more with the same key: this sums them up.
DECLARE @minute datetime2(6) = :minute, @queue nvarchar(510) = :queue, @command nvarchar(510) = :command,
    @counter bigint = :counter, @limit int = :limit;
SELECT TOP (@limit) minute, queue, command, counter, SUM(completed) AS completed, SUM(failed) AS failed,
    SUM(cancelled) AS cancelled, SUM(retried) AS retried, SUM(duration_ms) AS duration_ms
FROM dbjobs.job_stat
WHERE minute >= @minute
  AND (
      minute > @minute
      OR (minute = @minute AND queue > @queue)
      OR (minute = @minute AND queue = @queue AND command > @command)
      OR (minute = @minute AND queue = @queue AND command = @command AND counter > @counter)
  )
GROUP BY minute, queue, command, counter
ORDER BY minute, queue, command, counter;
