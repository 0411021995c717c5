-- Queues with ready jobs that have no named worker, by name, after one of them. A skip scan: one probe of
-- background_job_ready per queue found, so the cost grows with the queues that have work, not with their jobs or with
-- the known names.
WITH RECURSIVE ready AS (
    (
        SELECT queue, 1 AS found
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NULL AND queue > :after_queue
        ORDER BY queue, priority, id
        LIMIT 1
    )
    UNION ALL
    SELECT following.queue, ready.found + 1
    FROM ready
    CROSS JOIN LATERAL (
        SELECT queue
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NULL AND queue > ready.queue
        ORDER BY queue, priority, id
        LIMIT 1
    ) following
    WHERE ready.found < :limit::integer
)
SELECT queue FROM ready;
