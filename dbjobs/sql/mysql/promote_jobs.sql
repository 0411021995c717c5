-- Scheduled jobs whose time has come may run now. The index `line` serves it; nodes do not wait for each other
-- (SKIP LOCKED). A lane that waited for one of these jobs is free again.
-- They are looked for without locks and locked by key: MariaDB keeps, until the commit, the lock on the entry at which
-- a locking look along an index ends. That is the first ready job, and a claim would pass it by.
-- @as due packed id
SELECT JSON_ARRAYAGG(id)
FROM (
    SELECT id
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = 'due' AND place <= TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', UTC_TIMESTAMP(6))
    ORDER BY place, id
    LIMIT :limit
) due;

-- @if due as promoted packed id queue priority worker
SELECT JSON_ARRAYAGG(JSON_ARRAY(id, queue, priority, worker))
FROM dbjobs_background_job FORCE INDEX (PRIMARY)
WHERE id IN (:due.id) AND line = 'due'
  AND place <= TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', UTC_TIMESTAMP(6))
FOR UPDATE SKIP LOCKED;

-- @if promoted
UPDATE dbjobs_background_job
SET state = 'queued', line = IF(worker IS NULL, CONCAT('q:', queue), CONCAT('w:', worker))
WHERE id IN (:promoted.id);

-- @if promoted where worker
DELETE FROM dbjobs_job_worker WHERE blocked_by IN (:promoted.id);
