-- Folds minutes older than two days into hours, all counters together (counter 0).
-- @as old
DELETE FROM dbjobs_job_stat
WHERE minute < strftime('%Y-%m-%d %H:00:00.000', 'now', '-48 hours')
  AND (counter <> 0 OR minute <> strftime('%Y-%m-%d %H:00:00.000', minute))
RETURNING minute, queue, command, completed, failed, cancelled, retried, duration_ms;

-- @each old
INSERT INTO dbjobs_job_stat (
    minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms
)
VALUES (
    strftime('%Y-%m-%d %H:00:00.000', :minute), :queue, :command, 0,
    :completed, :failed, :cancelled, :retried, :duration_ms
)
ON CONFLICT (minute, queue, command, counter) DO UPDATE
SET completed = completed + excluded.completed, failed = failed + excluded.failed,
    cancelled = cancelled + excluded.cancelled, retried = retried + excluded.retried,
    duration_ms = duration_ms + excluded.duration_ms;
