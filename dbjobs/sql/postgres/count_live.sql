-- Live jobs per queue and state, each state counted up to a bound: the cost of a page must not grow with the backlog.
-- It counts each state along the index that holds only its rows, so the entries it visits are bounded too, and it
-- visits none where there are no jobs: the table itself may hold many dead rows.
SELECT queue, state, count(*) AS jobs
FROM (
    (
        SELECT queue, 'queued' AS state
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NULL
        ORDER BY queue, priority, id
        LIMIT :bound::integer
    )
    UNION ALL
    (
        SELECT queue, 'queued' AS state
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NOT NULL
        ORDER BY worker, priority, id
        LIMIT :bound::integer
    )
    UNION ALL
    (
        SELECT queue, 'scheduled' AS state
        FROM dbjobs.background_job
        WHERE state = 'scheduled'
        ORDER BY run_after
        LIMIT :bound::integer
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs.background_job
        WHERE node_id IS NOT NULL
        ORDER BY node_id
        LIMIT :bound::integer
    )
    UNION ALL
    (
        SELECT queue, state
        FROM dbjobs.background_job
        WHERE pending > 0
        ORDER BY queue
        LIMIT :bound::integer
    )
) j
GROUP BY queue, state
ORDER BY queue, state;
