-- How long attempts took, for a transfer: the page after a key (period_seconds, starts, name, counter).
SELECT *
FROM dbjobs_job_rollup
WHERE period_seconds >= :period_seconds
  AND (
      period_seconds > :period_seconds
      OR (period_seconds = :period_seconds AND starts > :starts)
      OR (period_seconds = :period_seconds AND starts = :starts AND name > :name)
      OR (period_seconds = :period_seconds AND starts = :starts AND name = :name AND counter > :counter)
  )
ORDER BY period_seconds, starts, name, counter
LIMIT :limit;
