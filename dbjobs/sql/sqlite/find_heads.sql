-- The first ready job of each of these queues and named workers, and how long it has been ready. One probe of
-- background_job_ready or background_job_lane per name.
SELECT j.id, j.queue, j.worker, j.command,
    (julianday('now')
        - julianday(max(j.created_at, coalesce(j.run_after, ''), coalesce(j.last_activity_at, '')))) * 86400.0
        AS age_seconds
FROM (
    SELECT (
        SELECT r.id
        FROM dbjobs_background_job r
        WHERE r.queue = q.value AND r.state = 'queued' AND r.worker IS NULL
        ORDER BY r.priority, r.id
        LIMIT 1
    ) AS id
    FROM json_each(:queues) q
    UNION ALL
    SELECT (
        SELECT r.id
        FROM dbjobs_background_job r
        WHERE r.worker = w.value AND r.state = 'queued'
        ORDER BY r.priority, r.id
        LIMIT 1
    )
    FROM json_each(:workers) w
) head
CROSS JOIN dbjobs_background_job j ON j.id = head.id;
