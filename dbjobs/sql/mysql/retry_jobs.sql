-- Failed attempts that will be tried again. A job whose cancellation was asked for meanwhile yields no
-- row: the caller ends it instead. A blocked lane stays taken, by the job, until the job is due.
-- @as retried packed id blocks worker released
SELECT JSON_ARRAYAGG(JSON_ARRAY(
    j.id, o.block_worker = 1 AND o.delay_seconds > 0 AND j.worker IS NOT NULL, j.worker,
    CASE
        WHEN o.block_worker = 1 AND o.delay_seconds > 0 THEN NULL
        WHEN o.block_worker = 1 OR o.release_worker = 1 THEN j.worker
    END
))
FROM JSON_TABLE(:outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', delay_seconds DOUBLE PATH '$.delay_seconds',
    block_worker INT PATH '$.block_worker', release_worker INT PATH '$.release_worker'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = :node_id AND j.cancel_requested_at IS NULL
FOR UPDATE /*!50799 OF j */;

-- @if retried
UPDATE JSON_TABLE(:outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', delay_seconds DOUBLE PATH '$.delay_seconds', error_code VARCHAR(255) PATH '$.error_code',
    error LONGTEXT PATH '$.error', failure LONGTEXT PATH '$.failure'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
SET j.state = CASE WHEN o.delay_seconds > 0 THEN 'scheduled' ELSE 'queued' END,
    j.run_after = UTC_TIMESTAMP(6) + INTERVAL o.delay_seconds * 1000000 MICROSECOND,
    j.node_id = NULL, j.last_activity_at = UTC_TIMESTAMP(6), j.error_code = o.error_code, j.error = o.error,
    j.errors = JSON_MERGE_PRESERVE(COALESCE(j.errors, '[]'), COALESCE(o.failure, '[]'))
WHERE j.id IN (:retried.id);

-- @each retried where blocks
UPDATE dbjobs_job_worker SET node_id = NULL, blocked_by = :id WHERE worker = :worker AND node_id = :node_id;

-- @if retried where released
DELETE FROM dbjobs_job_worker WHERE worker IN (:retried.released) AND node_id = :node_id;

-- @if retried
INSERT INTO dbjobs_job_stat (minute, queue, command, node_id, retried)
SELECT minute, queue, command, node_id, retried
FROM (
    SELECT DATE_FORMAT(UTC_TIMESTAMP(), '%Y-%m-%d %H:%i:00') AS minute, queue, command, :node_id AS node_id,
        COUNT(*) AS retried
    FROM dbjobs_background_job
    WHERE id IN (:retried.id)
    GROUP BY queue, command
    ORDER BY queue, command
) n
ON DUPLICATE KEY UPDATE retried = dbjobs_job_stat.retried + n.retried;
