-- Schedules retries of failed attempts. If a cancellation was requested meanwhile, the job yields no row: the caller
-- ends it instead. A blocked lane stays taken, by the job, until the job is due.
-- @each outcomes as retried
UPDATE dbjobs_background_job
SET state = CASE WHEN :delay_seconds > 0 THEN 'scheduled' ELSE 'queued' END,
    run_after = strftime('%Y-%m-%d %H:%M:%f', 'now', :delay_seconds || ' seconds'),
    node_id = NULL, last_activity_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), error_code = :error_code,
    error = :error,
    errors = CASE
        WHEN :failure IS NULL THEN errors
        ELSE json_insert(coalesce(errors, '[]'), '$[#]', json(:failure))
    END
WHERE id = :id AND attempt = :attempt AND node_id = :node_id AND cancel_requested_at IS NULL
RETURNING id, worker, queue, command,
    :block_worker AND state = 'scheduled' AS blocks,
    (:block_worker OR :release_worker) AND NOT (:block_worker AND state = 'scheduled') AS releases;

-- @each retried where blocks
UPDATE dbjobs_job_worker SET node_id = NULL, blocked_by = :id WHERE worker = :worker AND node_id = :node_id;

-- @each retried where releases
DELETE FROM dbjobs_job_worker WHERE worker = :worker AND node_id = :node_id;

-- @each retried
INSERT INTO dbjobs_job_stat (minute, queue, command, counter, retried)
VALUES (strftime('%Y-%m-%d %H:%M:00.000', 'now'), :queue, :command, :counter, 1)
ON CONFLICT (minute, queue, command, counter) DO UPDATE SET retried = retried + 1;
