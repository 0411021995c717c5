-- Folds rows older than :kept hours into one for each :hours (1, or 24: a day), all counters together (counter 0).
-- @as old
DELETE FROM dbjobs_job_stat
WHERE minute < strftime(CASE :hours WHEN 24 THEN '%Y-%m-%d 00:00:00.000' ELSE '%Y-%m-%d %H:00:00.000' END, 'now', -:kept || ' hours')
  AND (counter <> 0
    OR minute <> strftime(CASE :hours WHEN 24 THEN '%Y-%m-%d 00:00:00.000' ELSE '%Y-%m-%d %H:00:00.000' END, minute))
RETURNING minute, queue, command, completed, failed, cancelled, retried, duration_ms;

-- @each old
INSERT INTO dbjobs_job_stat (
    minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms
)
VALUES (
    strftime(CASE :hours WHEN 24 THEN '%Y-%m-%d 00:00:00.000' ELSE '%Y-%m-%d %H:00:00.000' END, :minute), :queue, :command, 0,
    :completed, :failed, :cancelled, :retried, :duration_ms
)
ON CONFLICT (minute, queue, command, counter) DO UPDATE
SET completed = completed + excluded.completed, failed = failed + excluded.failed,
    cancelled = cancelled + excluded.cancelled, retried = retried + excluded.retried,
    duration_ms = duration_ms + excluded.duration_ms;
