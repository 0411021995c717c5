-- Queues with ready jobs that have no named worker, in the order of their names, after one of them. A skip scan: one probe of
-- background_job_ready for each queue found, so the cost goes with the queues that have work and not with their jobs, nor
-- with the names that are known.
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
