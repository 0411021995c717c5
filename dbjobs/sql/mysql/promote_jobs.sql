-- Scheduled jobs whose time has come may run now. The index `line` serves it; nodes do not wait for each other
-- (SKIP LOCKED). A lane that waited for one of these jobs is free again.
-- @as promoted packed id queue priority worker
SELECT JSON_ARRAYAGG(JSON_ARRAY(id, queue, priority, worker))
FROM (
    SELECT id, queue, priority, worker
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = 'due' AND place <= TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', UTC_TIMESTAMP(6))
    ORDER BY place, id
    LIMIT :limit
    FOR UPDATE SKIP LOCKED
) due;

-- @if promoted
UPDATE dbjobs_background_job SET state = 'queued' WHERE id IN (:promoted.id);

-- @if promoted where worker
DELETE FROM dbjobs_job_worker WHERE blocked_by IN (:promoted.id);
