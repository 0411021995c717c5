-- NULL leaves a setting as it is; concurrency 0 removes the limit.
INSERT INTO dbjobs_job_queue (queue, paused, concurrency)
VALUES (:queue, coalesce(:paused, 0), nullif(:concurrency, 0))
ON CONFLICT (queue) DO UPDATE
SET paused = coalesce(:paused, paused),
    concurrency = CASE WHEN :concurrency IS NULL THEN concurrency ELSE nullif(:concurrency, 0) END,
    used_at = excluded.used_at
RETURNING queue;
