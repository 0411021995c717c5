-- Commands that nobody here can run, among the ready jobs at the front of every queue: that is where they
-- gather.
SELECT j.command, count(*) AS jobs
FROM dbjobs_job_queue q
CROSS JOIN dbjobs_background_job j ON j.id IN (
    SELECT r.id
    FROM dbjobs_background_job r
    WHERE r.queue = q.queue AND r.state = 'queued' AND r.worker IS NULL
    ORDER BY r.priority, r.id
    LIMIT :bound
)
WHERE j.command NOT IN (SELECT value FROM json_each(:commands))
GROUP BY j.command;
