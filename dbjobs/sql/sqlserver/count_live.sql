-- Live jobs per queue and state, each state counted up to a bound: the cost of a page must not grow with the backlog.
-- It counts each state along the index that holds only its rows, so the entries it visits are bounded too, and an empty
-- queue costs nothing: the table itself may hold many dead rows. READPAST: it does not wait for locked rows.
DECLARE @bound int = :bound;
SELECT j.queue, j.state, COUNT_BIG(*) AS jobs
FROM (
    SELECT * FROM (
        SELECT TOP (@bound) queue, N'queued' AS state
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_ready))
        WHERE state = N'queued' AND worker IS NULL
        ORDER BY queue, priority, id
    ) AS ready
    UNION ALL
    SELECT * FROM (
        SELECT TOP (@bound) queue, N'queued' AS state
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_lane))
        WHERE state = N'queued' AND worker IS NOT NULL
        ORDER BY worker, priority, id
    ) AS lane
    UNION ALL
    SELECT * FROM (
        SELECT TOP (@bound) queue, N'scheduled' AS state
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_due))
        WHERE state = N'scheduled'
        ORDER BY run_after
    ) AS due
    UNION ALL
    SELECT * FROM (
        SELECT TOP (@bound) queue, state
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_node))
        WHERE node_id IS NOT NULL
        ORDER BY node_id
    ) AS node
    UNION ALL
    SELECT * FROM (
        SELECT TOP (@bound) queue, state
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK, INDEX (background_job_waiting))
        WHERE pending > 0
        ORDER BY queue
    ) AS waiting
) AS j
GROUP BY j.queue, j.state
ORDER BY j.queue, j.state;
