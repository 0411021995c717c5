-- A page of jobs, newest first (keyset on id: a page costs the same wherever it is). The three flags
-- say which tables can hold the wanted state, so that a list of queued jobs does not walk the history.
-- The index is forced: the optimizer must not take an order by id alone, or by another column's index, for cheap.
(
    SELECT id, ref_id, queue, worker, command,
        CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_background_job FORCE INDEX (PRIMARY)
    WHERE :live
      AND id < :before_id
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
    FROM dbjobs_completed_job FORCE INDEX (PRIMARY)
    WHERE :completed
      AND id < :before_id
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
    FROM dbjobs_failed_job FORCE INDEX (PRIMARY)
    WHERE :failed
      AND id < :before_id
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
