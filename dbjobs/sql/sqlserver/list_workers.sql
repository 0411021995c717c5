-- Taken lanes, the jobs that their nodes hold, and how many jobs wait in each lane: three looks, each up to a bound,
-- added up by the caller. job_worker's key, background_job_node and background_job_lane serve them.
-- NOLOCK: it waits for nobody; a row may be a moment ahead of its commit.
DECLARE @bound int = :bound;
SELECT (
    SELECT l.worker, l.node_id, l.blocked_by, l.job_id, l.started_at, l.priority, l.queued
    FROM (
        SELECT * FROM (
            SELECT TOP (@bound) w.worker, w.node_id, w.blocked_by, CONVERT(bigint, NULL) AS job_id,
                CONVERT(datetime2(6), NULL) AS started_at, CONVERT(int, NULL) AS priority, CONVERT(bigint, 0) AS queued
            FROM dbjobs.job_worker AS w WITH (NOLOCK)
            ORDER BY w.worker
        ) AS taken
        UNION ALL
        SELECT * FROM (
            SELECT TOP (@bound) j.worker, j.node_id, CONVERT(bigint, NULL) AS blocked_by, j.id, j.started_at, j.priority,
                CONVERT(bigint, 0) AS queued
            FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_node))
            WHERE j.node_id IS NOT NULL AND j.worker IS NOT NULL
            ORDER BY j.node_id
        ) AS held
        UNION ALL
        SELECT q.worker, NULL, NULL, NULL, NULL, NULL, COUNT_BIG(*)
        FROM (
            SELECT TOP (@bound) j.worker
            FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_lane))
            WHERE j.state = N'queued' AND j.worker IS NOT NULL
            ORDER BY j.worker, j.priority, j.id
        ) AS q
        GROUP BY q.worker
    ) AS l
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
