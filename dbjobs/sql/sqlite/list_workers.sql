-- Taken lanes, the jobs that their nodes hold, and how many jobs wait in each lane: three looks, each up to a
-- bound, which the caller adds up. job_worker's key, background_job_node and background_job_lane serve them.
SELECT * FROM (
    SELECT worker, node_id, blocked_by, NULL AS job_id, NULL AS started_at, NULL AS priority, 0 AS queued
    FROM dbjobs_job_worker
    ORDER BY worker
    LIMIT :bound
)
UNION ALL
SELECT * FROM (
    SELECT worker, node_id, NULL, id, started_at, priority, 0
    FROM dbjobs_background_job INDEXED BY dbjobs_background_job_node
    WHERE node_id IS NOT NULL AND worker IS NOT NULL
    LIMIT :bound
)
UNION ALL
SELECT worker, NULL, NULL, NULL, NULL, NULL, count(*)
FROM (
    SELECT worker
    FROM dbjobs_background_job INDEXED BY dbjobs_background_job_lane
    WHERE state = 'queued' AND worker IS NOT NULL
    ORDER BY worker
    LIMIT :bound
)
GROUP BY worker;
