-- How long attempts took, for a transfer: the page after a key (period_seconds, starts, name, counter).
DECLARE @period_seconds int = :period_seconds, @starts bigint = :starts, @name nvarchar(510) = :name,
    @counter bigint = :counter, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.job_rollup
WHERE period_seconds >= @period_seconds
  AND (
      period_seconds > @period_seconds
      OR (period_seconds = @period_seconds AND starts > @starts)
      OR (period_seconds = @period_seconds AND starts = @starts AND name > @name)
      OR (period_seconds = @period_seconds AND starts = @starts AND name = @name AND counter > @counter)
  )
ORDER BY period_seconds, starts, name, counter;
