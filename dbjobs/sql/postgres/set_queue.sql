-- NULL leaves a setting as it is; concurrency 0 removes the limit.
INSERT INTO dbjobs.job_queue AS q (queue, paused, concurrency)
VALUES (:queue, coalesce(:paused::boolean, false), nullif(:concurrency::integer, 0))
ON CONFLICT (queue) DO UPDATE
SET paused = coalesce(:paused::boolean, q.paused),
    concurrency = CASE
        WHEN :concurrency::integer IS NULL THEN q.concurrency
        ELSE nullif(:concurrency::integer, 0)
    END,
    used_at = clock_timestamp()
RETURNING queue, pg_notify(:channel, 'queues') AS noticed;
