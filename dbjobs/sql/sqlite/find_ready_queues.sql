-- Queues with ready jobs that have no named worker, by name, after one of them. A skip scan: one probe of
-- background_job_ready per queue found, so the cost grows with the queues that have work, not with their jobs or with
-- the known names.
WITH RECURSIVE ready (queue, found) AS (
    SELECT (
        SELECT queue
        FROM dbjobs_background_job
        WHERE state = 'queued' AND worker IS NULL AND queue > :after_queue
        ORDER BY queue
        LIMIT 1
    ), 1
    UNION ALL
    SELECT (
        SELECT following.queue
        FROM dbjobs_background_job following
        WHERE following.state = 'queued' AND following.worker IS NULL AND following.queue > ready.queue
        ORDER BY following.queue
        LIMIT 1
    ), ready.found + 1
    FROM ready
    WHERE ready.queue IS NOT NULL AND ready.found < :limit
)
SELECT queue FROM ready WHERE queue IS NOT NULL;
