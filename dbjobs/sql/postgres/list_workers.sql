-- Taken lanes, the jobs that their nodes hold, and how many jobs wait in each lane: three looks, each up to a
-- bound, which the caller adds up. job_worker's key, background_job_node and background_job_lane serve them.
(
    SELECT worker, node_id, blocked_by, NULL::bigint AS job_id, NULL::timestamptz AS started_at, NULL::integer AS priority,
        0::bigint AS queued
    FROM dbjobs.job_worker
    ORDER BY worker
    LIMIT :bound::integer
)
UNION ALL
(
    SELECT worker, node_id, NULL, id, started_at, priority, 0
    FROM dbjobs.background_job
    WHERE node_id IS NOT NULL AND worker IS NOT NULL
    ORDER BY node_id
    LIMIT :bound::integer
)
UNION ALL
SELECT worker, NULL, NULL, NULL, NULL, NULL, count(*)
FROM (
    SELECT worker
    FROM dbjobs.background_job
    WHERE state = 'queued' AND worker IS NOT NULL
    ORDER BY worker, priority, id
    LIMIT :bound::integer
) q
GROUP BY worker;
