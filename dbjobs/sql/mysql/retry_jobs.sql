-- Schedules retries of failed attempts, in one transaction and one round trip. If a cancellation was requested
-- meanwhile, the job yields no row: the caller ends it instead. The first statement locks, and what it read stays true:
-- a cancel either came before it, or finds a job that waits for its retry. A blocked lane stays taken, by the job,
-- until the job is due.
SET @outcomes = :outcomes;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
    j.id, IF(o.block_worker = 1 AND o.delay_seconds > 0, j.worker, NULL),
    CASE
        WHEN o.block_worker = 1 AND o.delay_seconds > 0 THEN NULL
        WHEN o.block_worker = 1 OR o.release_worker = 1 THEN j.worker
    END
)), '[]')
INTO @retried
FROM JSON_TABLE(@outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', delay_seconds DOUBLE PATH '$.delay_seconds',
    block_worker INT PATH '$.block_worker', release_worker INT PATH '$.release_worker'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = :node_id AND j.cancel_requested_at IS NULL
FOR UPDATE /*!50799 OF j */;

UPDATE JSON_TABLE(@outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', delay_seconds DOUBLE PATH '$.delay_seconds',
    error_code VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.error_code',
    error LONGTEXT CHARACTER SET utf8mb4 PATH '$.error', failure LONGTEXT CHARACTER SET utf8mb4 PATH '$.failure'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
SET j.state = CASE WHEN o.delay_seconds > 0 THEN 'scheduled' ELSE 'queued' END,
    j.line = CASE WHEN o.delay_seconds > 0 THEN 'due' ELSE IF(j.worker IS NULL, CONCAT('q:', j.queue), CONCAT('w:', j.worker)) END,
    j.run_after = UTC_TIMESTAMP(6) + INTERVAL o.delay_seconds * 1000000 MICROSECOND,
    j.node_id = NULL, j.last_activity_at = UTC_TIMESTAMP(6), j.error_code = o.error_code, j.error = o.error,
    j.errors = JSON_MERGE_PRESERVE(COALESCE(j.errors, '[]'), COALESCE(o.failure, '[]'))
WHERE j.attempt = o.attempt AND j.node_id = :node_id AND j.cancel_requested_at IS NULL;

-- @if outcomes where block_worker
UPDATE JSON_TABLE(@retried, '$[*]' COLUMNS (
    id BIGINT PATH '$[0]', worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]'
)) AS r
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(r.worker USING utf8mb4)
SET w.node_id = NULL, w.blocked_by = r.id
WHERE w.node_id = :node_id;

DELETE w
FROM JSON_TABLE(@retried, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[2]')) AS r
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(r.worker USING utf8mb4)
WHERE w.node_id = :node_id;

INSERT INTO dbjobs_job_stat (minute, queue, command, counter, retried)
SELECT minute, queue, command, counter, retried
FROM (
    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:00') AS minute, j.queue, j.command, :counter AS counter,
        COUNT(*) AS retried
    FROM JSON_TABLE(@retried, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS r
    STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = r.id
    GROUP BY j.queue, j.command
    ORDER BY j.queue, j.command
) n
ON DUPLICATE KEY UPDATE retried = dbjobs_job_stat.retried + n.retried;

-- @as retried packed id blocks released
SELECT @retried AS retried;
