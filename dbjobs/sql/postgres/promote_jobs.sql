-- Makes due scheduled jobs ready. background_job_due serves it; nodes do not wait for each other (SKIP LOCKED). A lane
-- that waited for one of these jobs is free again.
WITH due AS (
    SELECT id
    FROM dbjobs.background_job
    WHERE state = 'scheduled' AND run_after <= statement_timestamp()
    ORDER BY run_after
    LIMIT :limit::integer
    FOR UPDATE SKIP LOCKED
), promoted AS (
    UPDATE dbjobs.background_job b
    SET state = 'queued'
    WHERE b.id = ANY (ARRAY(SELECT id FROM due))
    RETURNING b.id, b.queue, b.priority, b.worker
), unblocked AS (
    DELETE FROM dbjobs.job_worker WHERE blocked_by = ANY (ARRAY(SELECT id FROM promoted))
)
SELECT id, queue, priority, worker FROM promoted;
