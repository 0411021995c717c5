-- Taken lanes, the jobs that their nodes hold, and how many jobs wait in each lane: three looks, each up to a
-- bound, which the caller adds up. job_worker's key and the index `line` serve them.
(
    SELECT worker, node_id, blocked_by, NULL AS job_id, NULL AS started_at, NULL AS priority, 0 AS queued
    FROM dbjobs_job_worker
    ORDER BY worker
    LIMIT :bound
)
UNION ALL
(
    SELECT worker, node_id, NULL, id, started_at, priority, 0
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > 'n:' AND line < 'n;' AND worker IS NOT NULL
    LIMIT :bound
)
UNION ALL
SELECT worker, NULL, NULL, NULL, NULL, NULL, COUNT(*)
FROM (
    SELECT worker
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > 'w:' AND line < 'w;'
    ORDER BY line
    LIMIT :bound
) q
GROUP BY worker;
