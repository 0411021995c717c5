-- NULL leaves a setting as it is; concurrency 0 removes the limit.
INSERT INTO dbjobs_job_queue (queue, paused, concurrency)
VALUES (:queue, COALESCE(:paused, 0), NULLIF(:concurrency, 0))
ON DUPLICATE KEY UPDATE
    paused = COALESCE(:paused, paused),
    concurrency = CASE WHEN :concurrency IS NULL THEN concurrency ELSE NULLIF(:concurrency, 0) END,
    used_at = UTC_TIMESTAMP(6);
