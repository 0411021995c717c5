-- Facts around a live job, one row each: its lane, the jobs ahead of it, the jobs that nodes hold. A person asks, so it
-- waits for nobody (NOLOCK: a fact may be a moment ahead of its commit), and every count ends at a bound.
-- job_worker's key, background_job_lane, background_job_ready and background_job_node serve it.
DECLARE @id bigint = :id, @queue nvarchar(510) = :queue, @priority int = :priority, @worker nvarchar(510) = :worker;
DECLARE @bound int = :bound, @holder bigint;
SELECT @holder = w.node_id FROM dbjobs.job_worker AS w WITH (NOLOCK) WHERE w.worker = @worker;
SELECT N'now' AS fact, CONVERT(bigint, NULL) AS node_id, CONVERT(bigint, NULL) AS job_id, SYSUTCDATETIME() AS moment,
    CONVERT(bigint, NULL) AS number
UNION ALL
SELECT N'lane', w.node_id, w.blocked_by, NULL, NULL
FROM dbjobs.job_worker AS w WITH (NOLOCK)
WHERE w.worker = @worker
UNION ALL
-- The run that a node has claimed from the lane; it works on the first job.
SELECT r.fact, r.node_id, r.id, r.started_at, NULL
FROM (
    SELECT TOP (1) N'lane_runs' AS fact, j.node_id, j.id, j.started_at
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_node))
    WHERE j.node_id = @holder AND j.node_id IS NOT NULL AND j.worker = @worker
    ORDER BY j.priority, j.id
) AS r
UNION ALL
SELECT h.fact, NULL, h.id, NULL, NULL
FROM (
    SELECT TOP (1) N'lane_head' AS fact, j.id
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_lane))
    WHERE j.state = N'queued' AND j.worker IS NOT NULL AND j.worker = @worker
      AND (j.priority < @priority OR (j.priority = @priority AND j.id < @id))
    ORDER BY j.worker, j.priority, j.id
) AS h
UNION ALL
SELECT N'lane_ahead', NULL, NULL, NULL, COUNT_BIG(*)
FROM (
    SELECT TOP (@bound) j.id
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_lane))
    WHERE j.state = N'queued' AND j.worker IS NOT NULL AND j.worker = @worker
      AND (j.priority < @priority OR (j.priority = @priority AND j.id < @id))
) AS la
UNION ALL
SELECT N'queue_ahead', NULL, NULL, NULL, COUNT_BIG(*)
FROM (
    SELECT TOP (@bound) j.id
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_ready))
    WHERE j.state = N'queued' AND j.worker IS NULL AND j.queue = @queue
      AND (j.priority < @priority OR (j.priority = @priority AND j.id < @id))
) AS qa
UNION ALL
SELECT n.fact, n.node_id, NULL, NULL, COUNT_BIG(*)
FROM (
    SELECT TOP (@bound) j.node_id, CASE WHEN j.queue = @queue THEN N'held_of_queue' ELSE N'held_of_others' END AS fact
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_node))
    WHERE j.node_id IS NOT NULL
) AS n
GROUP BY n.fact, n.node_id;
