-- Hands attempts back without a charge: they were claimed but not run, or a shutdown interrupted them. The attempt's
-- number is still spent, so that (id, attempt, node_id) never comes again: the base from which tries are counted
-- moves instead. One transaction and one round trip; the first statement locks, and decides by what it has locked.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(j.id, IF(o.release_worker = 1, j.worker, NULL))), '[]')
INTO @returned
FROM JSON_TABLE(:outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', release_worker INT PATH '$.release_worker'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = :node_id AND j.cancel_requested_at IS NULL
FOR UPDATE /*!50799 OF j */;

UPDATE JSON_TABLE(@returned, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS r
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = r.id
SET j.state = 'queued', j.line = IF(j.worker IS NULL, CONCAT('q:', j.queue), CONCAT('w:', j.worker)),
    j.attempt_base = j.attempt_base + 1, j.node_id = NULL, j.started_at = NULL, j.progress = NULL, j.status = NULL;

DELETE w
FROM JSON_TABLE(@returned, '$[*]' COLUMNS (worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]')) AS r
STRAIGHT_JOIN dbjobs_job_worker w FORCE INDEX (PRIMARY) ON w.worker = CONVERT(r.worker USING utf8mb4)
WHERE w.node_id = :node_id;

-- @as returned packed id released
SELECT @returned AS returned;
