-- The ready job that has waited longest, among the first ones by id (bounded, because a backlog may be
-- long). It leaves out paused queues, and jobs whose row does not tell since when they are ready
-- (their parents ended later than they were created, or they were requeued).
DECLARE @bound int = :bound;
SELECT TOP (1) j.id, j.queue, j.worker, j.command,
    CONVERT(float, DATEDIFF_BIG(millisecond, since.moment, SYSUTCDATETIME())) / 1000 AS age_seconds
FROM (
    SELECT TOP (@bound) b.id, b.queue, b.worker, b.command, b.created_at, b.run_after, b.last_activity_at
    FROM dbjobs.background_job AS b WITH (READPAST, READCOMMITTEDLOCK)
    WHERE b.state = N'queued'
      AND b.depends_on IS NULL
      AND (b.attempt_base = 0 OR b.last_activity_at IS NOT NULL)
      AND NOT EXISTS (SELECT 1 FROM dbjobs.job_queue AS q WHERE q.queue = b.queue AND q.paused = 1)
    ORDER BY b.id
) AS j
CROSS APPLY (
    SELECT MAX(v.moment) AS moment FROM (VALUES (j.created_at), (j.run_after), (j.last_activity_at)) AS v (moment)
) AS since
ORDER BY age_seconds DESC;
