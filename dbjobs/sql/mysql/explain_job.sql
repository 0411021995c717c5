-- Facts around a live job, one row each: its lane, the jobs ahead of it, the jobs that nodes hold. A person asks, so it
-- locks nothing, and every count ends at a bound.
-- job_worker's key and the index `line` serve it.
SELECT 'now' AS fact, NULL AS node_id, NULL AS job_id, UTC_TIMESTAMP(6) AS moment, NULL AS number
UNION ALL
SELECT 'lane', node_id, blocked_by, NULL, NULL
FROM dbjobs_job_worker
WHERE worker = :worker
UNION ALL
(
    -- The run that a node has claimed from the lane; it works on the first job.
    SELECT 'lane_runs', j.node_id, j.id, j.started_at, NULL
    FROM dbjobs_background_job j FORCE INDEX (line)
    WHERE j.line = (SELECT CONCAT('n:', w.node_id) FROM dbjobs_job_worker w WHERE w.worker = :worker)
      AND j.worker = :worker
    ORDER BY j.priority, j.id
    LIMIT 1
)
UNION ALL
(
    SELECT 'lane_head', NULL, id, NULL, NULL
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = CONCAT('w:', :worker) AND (place < :priority OR place = :priority AND id < :id)
    ORDER BY place, id
    LIMIT 1
)
UNION ALL
SELECT 'lane_ahead', NULL, NULL, NULL, COUNT(*)
FROM (
    SELECT id
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = CONCAT('w:', :worker) AND (place < :priority OR place = :priority AND id < :id)
    LIMIT :bound
) la
UNION ALL
SELECT 'queue_ahead', NULL, NULL, NULL, COUNT(*)
FROM (
    SELECT id
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line = CONCAT('q:', :queue) AND (place < :priority OR place = :priority AND id < :id)
    LIMIT :bound
) qa
UNION ALL
SELECT fact, node_id, NULL, NULL, COUNT(*)
FROM (
    SELECT node_id, CASE WHEN queue = :queue THEN 'held_of_queue' ELSE 'held_of_others' END AS fact
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > 'n:' AND line < 'n;'
    LIMIT :bound
) h
GROUP BY fact, node_id;
