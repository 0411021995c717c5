-- A page of the jobs with one tag, newest first: list_jobs along the indexes by tag, so that a rare tag is found
-- without a walk through the history.
-- ORDER BY and LIMIT are in each branch: without them all of history would be gathered and sorted.
SELECT * FROM (
    (
        SELECT id, ref_id, queue, worker, command,
            CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.background_job
        WHERE :live::boolean
          AND tag = :tag AND id < :before_id
          AND (:state::text IS NULL OR CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END = :state)
          AND (:queue::text IS NULL OR queue = :queue)
          AND (:worker::text IS NULL OR worker = :worker)
          AND (:command::text IS NULL OR command = :command)
          AND (:batch_id::text IS NULL OR batch_id = :batch_id)
          AND (:user_id::text IS NULL OR user_id = :user_id)
        ORDER BY id DESC
        LIMIT :limit::integer
    )
    UNION ALL
    (
        SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.completed_job
        WHERE :completed::boolean
          AND tag = :tag AND id < :before_id
          AND (:state::text IS NULL OR state = :state)
          AND (:queue::text IS NULL OR queue = :queue)
          AND (:worker::text IS NULL OR worker = :worker)
          AND (:command::text IS NULL OR command = :command)
          AND (:batch_id::text IS NULL OR batch_id = :batch_id)
          AND (:user_id::text IS NULL OR user_id = :user_id)
        ORDER BY id DESC
        LIMIT :limit::integer
    )
    UNION ALL
    (
        SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.failed_job
        WHERE :failed::boolean
          AND tag = :tag AND id < :before_id
          AND (:state::text IS NULL OR state = :state)
          AND (:queue::text IS NULL OR queue = :queue)
          AND (:worker::text IS NULL OR worker = :worker)
          AND (:command::text IS NULL OR command = :command)
          AND (:batch_id::text IS NULL OR batch_id = :batch_id)
          AND (:user_id::text IS NULL OR user_id = :user_id)
        ORDER BY id DESC
        LIMIT :limit::integer
    )
) j
ORDER BY id DESC
LIMIT :limit::integer;
