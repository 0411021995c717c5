-- Commands that nobody here can run, among the ready jobs at the front of these queues (that is where they
-- gather) and of the named workers.
SELECT ready.command, count(*) AS jobs
FROM (
    SELECT free.command
    FROM unnest(:queues::text[]) AS q (queue)
    CROSS JOIN LATERAL (
        SELECT j.command
        FROM dbjobs.background_job j
        WHERE j.queue = q.queue AND j.state = 'queued' AND j.worker IS NULL
        ORDER BY j.priority, j.id
        LIMIT :bound::integer
    ) free
    UNION ALL
    (
        SELECT j.command
        FROM dbjobs.background_job j
        WHERE j.state = 'queued' AND j.worker IS NOT NULL
        ORDER BY j.worker, j.priority, j.id
        LIMIT :bound::integer
    )
) ready
WHERE ready.command <> ALL (:commands::text[])
GROUP BY ready.command;
