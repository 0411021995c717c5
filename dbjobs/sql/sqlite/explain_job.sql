-- Facts around a live job, one row each: its lane, the jobs ahead of it, the jobs that nodes hold. A person asks, and
-- every count ends at a bound.
-- job_worker's key, background_job_lane, background_job_ready and background_job_node serve it.
SELECT 'now' AS fact, NULL AS node_id, NULL AS job_id, strftime('%Y-%m-%d %H:%M:%f', 'now') AS moment, NULL AS number
UNION ALL
SELECT 'lane', node_id, blocked_by, NULL, NULL
FROM dbjobs_job_worker
WHERE worker = :worker
UNION ALL
SELECT * FROM (
    -- The run that a node has claimed from the lane; it works on the first job.
    SELECT 'lane_runs', j.node_id, j.id, j.started_at, NULL
    FROM dbjobs_background_job j INDEXED BY dbjobs_background_job_node
    WHERE j.node_id = (SELECT w.node_id FROM dbjobs_job_worker w WHERE w.worker = :worker) AND j.worker = :worker
    ORDER BY j.priority, j.id
    LIMIT 1
)
UNION ALL
SELECT * FROM (
    SELECT 'lane_head', NULL, id, NULL, NULL
    FROM dbjobs_background_job INDEXED BY dbjobs_background_job_lane
    WHERE state = 'queued' AND worker IS NOT NULL AND worker = :worker AND (priority, id) < (:priority, :id)
    ORDER BY priority, id
    LIMIT 1
)
UNION ALL
SELECT 'lane_ahead', NULL, NULL, NULL, count(*)
FROM (
    SELECT id
    FROM dbjobs_background_job INDEXED BY dbjobs_background_job_lane
    WHERE state = 'queued' AND worker IS NOT NULL AND worker = :worker AND (priority, id) < (:priority, :id)
    LIMIT :bound
)
UNION ALL
SELECT 'queue_ahead', NULL, NULL, NULL, count(*)
FROM (
    SELECT id
    FROM dbjobs_background_job INDEXED BY dbjobs_background_job_ready
    WHERE state = 'queued' AND worker IS NULL AND queue = :queue AND (priority, id) < (:priority, :id)
    LIMIT :bound
)
UNION ALL
SELECT CASE WHEN queue = :queue THEN 'held_of_queue' ELSE 'held_of_others' END AS kind, node_id, NULL, NULL, count(*)
FROM (
    SELECT node_id, queue
    FROM dbjobs_background_job INDEXED BY dbjobs_background_job_node
    WHERE node_id IS NOT NULL
    LIMIT :bound
)
GROUP BY kind, node_id;
