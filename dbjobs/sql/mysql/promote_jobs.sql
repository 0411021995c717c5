-- Makes due scheduled jobs ready, in one transaction and one round trip. The index `line` serves it; nodes do not wait
-- for each other (SKIP LOCKED). A lane that waited for one of these jobs is free again. It finds them without locks,
-- then locks by key: when a locking look along an index ends, MariaDB keeps the lock on its last entry until the
-- commit. That entry is the first ready job, and a claim would skip it.
SELECT COALESCE(JSON_ARRAYAGG(id), '[]')
INTO @due
FROM (
    SELECT id
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = 'due' AND place <= TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', UTC_TIMESTAMP(6))
    ORDER BY place, id
    LIMIT :limit
) due;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(j.id, j.queue, j.priority, j.worker)), '[]')
INTO @promoted
FROM JSON_TABLE(@due, '$[*]' COLUMNS (id BIGINT PATH '$')) AS d
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = d.id
WHERE j.line = 'due' AND j.place <= TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', UTC_TIMESTAMP(6))
FOR UPDATE /*!50799 OF j */ SKIP LOCKED;

UPDATE JSON_TABLE(@promoted, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS p
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = p.id
SET j.state = 'queued', j.line = IF(j.worker IS NULL, CONCAT('q:', j.queue), CONCAT('w:', j.worker));

DELETE w
FROM JSON_TABLE(@promoted, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[3]'
)) AS p
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(p.worker USING utf8mb4)
WHERE w.blocked_by = p.id;

-- @packed id queue priority worker
SELECT @promoted AS promoted;
