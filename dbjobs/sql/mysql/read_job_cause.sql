-- Why attempts failed, for a transfer: the page after a key (period_seconds, starts, cause, counter).
SELECT *
FROM dbjobs_job_cause
WHERE period_seconds >= :period_seconds
  AND (
      period_seconds > :period_seconds
      OR (period_seconds = :period_seconds AND starts > :starts)
      OR (period_seconds = :period_seconds AND starts = :starts AND cause > :cause)
      OR (period_seconds = :period_seconds AND starts = :starts AND cause = :cause AND counter > :counter)
  )
ORDER BY period_seconds, starts, cause, counter
LIMIT :limit;
