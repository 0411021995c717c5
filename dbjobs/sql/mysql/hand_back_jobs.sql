-- Attempts given back without a charge: claimed but not run, or interrupted by a shutdown. The attempt's number
-- is spent all the same, so that (id, attempt, node_id) never comes again: the base from which tries are counted
-- moves instead.
-- @as returned packed id released
SELECT JSON_ARRAYAGG(JSON_ARRAY(j.id, IF(o.release_worker = 1, j.worker, NULL)))
FROM JSON_TABLE(:outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt', release_worker INT PATH '$.release_worker'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = :node_id AND j.cancel_requested_at IS NULL
FOR UPDATE /*!50799 OF j */;

-- @if returned
UPDATE dbjobs_background_job
SET state = 'queued', attempt_base = attempt_base + 1, node_id = NULL, started_at = NULL, progress = NULL, status = NULL
WHERE id IN (:returned.id);

-- @if returned where released
DELETE FROM dbjobs_job_worker WHERE worker IN (:returned.released) AND node_id = :node_id;
