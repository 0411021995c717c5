-- The first ready job of each of these queues and named workers, and how long it has been ready. One probe of
-- background_job_ready or background_job_lane per name.
SELECT j.id, j.queue, j.worker, j.command,
    extract(epoch FROM clock_timestamp() - greatest(j.created_at, j.run_after, j.last_activity_at))::double precision
        AS age_seconds
FROM unnest(:queues::text[]) AS q (queue)
CROSS JOIN LATERAL (
    SELECT *
    FROM dbjobs.background_job r
    WHERE r.queue = q.queue AND r.state = 'queued' AND r.worker IS NULL
    ORDER BY r.priority, r.id
    LIMIT 1
) j
UNION ALL
SELECT j.id, j.queue, j.worker, j.command,
    extract(epoch FROM clock_timestamp() - greatest(j.created_at, j.run_after, j.last_activity_at))::double precision
FROM unnest(:workers::text[]) AS w (worker)
CROSS JOIN LATERAL (
    SELECT *
    FROM dbjobs.background_job r
    WHERE r.worker = w.worker AND r.state = 'queued'
    ORDER BY r.priority, r.id
    LIMIT 1
) j;
