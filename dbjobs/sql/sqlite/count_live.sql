-- Live jobs per queue and state, each state counted up to a bound: the cost of a page must not grow with the backlog.
-- It counts each state along the index that holds only its rows, so the entries it visits are bounded too, and it
-- visits none where there are no jobs.
SELECT queue, state, count(*) AS jobs
FROM (
    SELECT * FROM (
        SELECT queue, 'queued' AS state
        FROM dbjobs_background_job INDEXED BY dbjobs_background_job_ready
        WHERE state = 'queued' AND worker IS NULL
        ORDER BY queue, priority
        LIMIT :bound
    )
    UNION ALL
    SELECT * FROM (
        SELECT queue, 'queued' AS state
        FROM dbjobs_background_job INDEXED BY dbjobs_background_job_lane
        WHERE state = 'queued' AND worker IS NOT NULL
        ORDER BY worker, priority
        LIMIT :bound
    )
    UNION ALL
    SELECT * FROM (
        SELECT queue, 'scheduled' AS state
        FROM dbjobs_background_job INDEXED BY dbjobs_background_job_due
        WHERE state = 'scheduled'
        ORDER BY run_after
        LIMIT :bound
    )
    UNION ALL
    SELECT * FROM (
        SELECT queue, state
        FROM dbjobs_background_job INDEXED BY dbjobs_background_job_node
        WHERE node_id IS NOT NULL
        ORDER BY node_id
        LIMIT :bound
    )
    UNION ALL
    SELECT * FROM (
        SELECT queue, state
        FROM dbjobs_background_job INDEXED BY dbjobs_background_job_waiting
        WHERE pending > 0
        ORDER BY queue
        LIMIT :bound
    )
)
GROUP BY queue, state
ORDER BY queue, state;
