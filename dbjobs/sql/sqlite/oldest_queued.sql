-- The ready job that has waited longest, among the first ones by id (bounded, because a backlog may be
-- long). It leaves out paused queues, and jobs whose row does not tell since when they are ready
-- (their parents ended later than they were created, or they were requeued).
SELECT id, queue, worker, command,
    (julianday('now')
        - julianday(max(created_at, coalesce(run_after, ''), coalesce(last_activity_at, '')))) * 86400.0
        AS age_seconds
FROM (
    SELECT id, queue, worker, command, created_at, run_after, last_activity_at
    FROM dbjobs_background_job
    WHERE state = 'queued'
      AND depends_on IS NULL
      AND (attempt_base = 0 OR last_activity_at IS NOT NULL)
      AND queue NOT IN (SELECT queue FROM dbjobs_job_queue WHERE paused)
    ORDER BY id
    LIMIT :bound
)
ORDER BY age_seconds DESC
LIMIT 1;
