-- Commands that nobody here can run, among the ready jobs at the front of these queues (that is where they
-- gather) and of the named workers.
SELECT j.command, count(*) AS jobs
FROM (
    SELECT f.id
    FROM json_each(:queues) q
    CROSS JOIN dbjobs_background_job f ON f.id IN (
        SELECT r.id
        FROM dbjobs_background_job r
        WHERE r.queue = q.value AND r.state = 'queued' AND r.worker IS NULL
        ORDER BY r.priority, r.id
        LIMIT :bound
    )
    UNION ALL
    SELECT *
    FROM (
        SELECT r.id
        FROM dbjobs_background_job r
        WHERE r.state = 'queued' AND r.worker IS NOT NULL
        ORDER BY r.worker, r.priority, r.id
        LIMIT :bound
    )
) ready
CROSS JOIN dbjobs_background_job j ON j.id = ready.id
WHERE j.command NOT IN (SELECT value FROM json_each(:commands))
GROUP BY j.command;
