-- Folds rows older than :kept hours into one for each :hours (1, or 24: a day), all counters together (counter 0). One node
-- at a time: others find the lock taken and skip it without waiting. The lock ends with the statement.
WITH mine AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended('dbjobs.job_stat', 0)) AS locked
), old AS (
    DELETE FROM dbjobs.job_stat
    WHERE (SELECT locked FROM mine)
      AND minute < date_trunc(CASE WHEN :hours::integer = 24 THEN 'day' ELSE 'hour' END, now(), 'UTC')
        - :kept::integer * interval '1 hour'
      AND (counter <> 0 OR minute <> date_trunc(CASE WHEN :hours::integer = 24 THEN 'day' ELSE 'hour' END, minute, 'UTC'))
    RETURNING *
)
INSERT INTO dbjobs.job_stat AS s (minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms)
SELECT date_trunc(CASE WHEN :hours::integer = 24 THEN 'day' ELSE 'hour' END, minute, 'UTC'), queue, command, 0,
    sum(completed), sum(failed), sum(cancelled), sum(retried), sum(duration_ms)
FROM old
GROUP BY date_trunc(CASE WHEN :hours::integer = 24 THEN 'day' ELSE 'hour' END, minute, 'UTC'), queue, command
ON CONFLICT (minute, queue, command, counter) DO UPDATE
SET completed = s.completed + excluded.completed, failed = s.failed + excluded.failed,
    cancelled = s.cancelled + excluded.cancelled, retried = s.retried + excluded.retried,
    duration_ms = s.duration_ms + excluded.duration_ms;
