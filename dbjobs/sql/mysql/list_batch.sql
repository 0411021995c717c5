-- A page of the jobs of one batch, newest first: list_jobs along the indexes by batch, so that an old batch is found
-- without a walk through the history.
-- The index is forced: the optimizer must not take an order by id alone, or by another column's index, for cheap.
(
    SELECT id, ref_id, queue, worker, command,
        CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_background_job FORCE INDEX (batch)
    WHERE :live
      AND batch_id = :batch_id AND id < :before_id
      AND (:state IS NULL OR CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END = :state)
      AND (:queue IS NULL OR queue = :queue)
      AND (:worker IS NULL OR worker = :worker)
      AND (:command IS NULL OR command = :command)
      AND (:user_id IS NULL OR user_id = :user_id)
    ORDER BY id DESC
    LIMIT :limit
)
UNION ALL
(
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_completed_job FORCE INDEX (batch)
    WHERE :completed
      AND batch_id = :batch_id AND id < :before_id
      AND (:state IS NULL OR state = :state)
      AND (:queue IS NULL OR queue = :queue)
      AND (:worker IS NULL OR worker = :worker)
      AND (:command IS NULL OR command = :command)
      AND (:user_id IS NULL OR user_id = :user_id)
    ORDER BY id DESC
    LIMIT :limit
)
UNION ALL
(
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_failed_job FORCE INDEX (batch)
    WHERE :failed
      AND batch_id = :batch_id AND id < :before_id
      AND (:state IS NULL OR state = :state)
      AND (:queue IS NULL OR queue = :queue)
      AND (:worker IS NULL OR worker = :worker)
      AND (:command IS NULL OR command = :command)
      AND (:user_id IS NULL OR user_id = :user_id)
    ORDER BY id DESC
    LIMIT :limit
)
ORDER BY id DESC
LIMIT :limit;
