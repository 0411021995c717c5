-- Makes due scheduled jobs ready. background_job_due serves it. A lane that waited for one of these jobs is free again.
-- @as promoted
UPDATE dbjobs_background_job
SET state = 'queued'
WHERE id IN (
    SELECT id
    FROM dbjobs_background_job
    WHERE state = 'scheduled' AND run_after <= strftime('%Y-%m-%d %H:%M:%f', 'now')
    ORDER BY run_after
    LIMIT :limit
)
RETURNING id, queue, priority, worker;

-- @each promoted where worker
DELETE FROM dbjobs_job_worker WHERE blocked_by = :id;
