-- Facts around a live job, one row each: its lane, the jobs ahead of it, the jobs that nodes hold. A person asks, so it
-- locks nothing, and every count ends at a bound.
-- job_worker's key, background_job_lane, background_job_ready and background_job_node serve it.
SELECT 'now' AS fact, NULL::bigint AS node_id, NULL::bigint AS job_id, clock_timestamp() AS moment, NULL::bigint AS number
UNION ALL
SELECT 'lane', node_id, blocked_by, NULL, NULL
FROM dbjobs.job_worker
WHERE worker = :worker::text
UNION ALL
(
    -- The run that a node has claimed from the lane; it works on the first job.
    SELECT 'lane_runs', j.node_id, j.id, j.started_at, NULL
    FROM dbjobs.background_job j
    WHERE j.node_id = (SELECT w.node_id FROM dbjobs.job_worker w WHERE w.worker = :worker::text) AND j.worker = :worker::text
    ORDER BY j.priority, j.id
    LIMIT 1
)
UNION ALL
(
    SELECT 'lane_head', NULL, id, NULL, NULL
    FROM dbjobs.background_job
    WHERE state = 'queued' AND worker = :worker::text AND (priority, id) < (:priority::integer, :id::bigint)
    ORDER BY worker, priority, id
    LIMIT 1
)
UNION ALL
SELECT 'lane_ahead', NULL, NULL, NULL, count(*)
FROM (
    SELECT id
    FROM dbjobs.background_job
    WHERE state = 'queued' AND worker = :worker::text AND (priority, id) < (:priority::integer, :id::bigint)
    ORDER BY worker, priority, id
    LIMIT :bound::integer
) a
UNION ALL
SELECT 'queue_ahead', NULL, NULL, NULL, count(*)
FROM (
    SELECT id
    FROM dbjobs.background_job
    WHERE state = 'queued' AND worker IS NULL AND queue = :queue::text
      AND (priority, id) < (:priority::integer, :id::bigint)
    ORDER BY queue, priority, id
    LIMIT :bound::integer
) a
UNION ALL
SELECT CASE WHEN queue = :queue::text THEN 'held_of_queue' ELSE 'held_of_others' END, node_id, NULL, NULL, count(*)
FROM (
    SELECT node_id, queue
    FROM dbjobs.background_job
    WHERE node_id IS NOT NULL
    ORDER BY node_id
    LIMIT :bound::integer
) h
GROUP BY 1, 2;
