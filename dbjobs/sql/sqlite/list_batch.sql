-- A page of the jobs of one batch, newest first: list_jobs along the indexes by batch, so that an old batch is found
-- without a walk through the history.
-- The CAST gives `state` one type in both tables: without it SQLite would read them whole and sort them.
SELECT * FROM (
    SELECT id, ref_id, queue, worker, command,
        CAST(CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS TEXT) AS state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_background_job
    WHERE :live
    UNION ALL
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_finished_job
    WHERE CASE WHEN state = 'completed' THEN :completed ELSE :failed END
)
WHERE batch_id = :batch_id AND id < :before_id
  AND (:state IS NULL OR state = :state)
  AND (:queue IS NULL OR queue = :queue)
  AND (:worker IS NULL OR worker = :worker)
  AND (:command IS NULL OR command = :command)
  AND (:user_id IS NULL OR user_id = :user_id)
ORDER BY id DESC
LIMIT :limit;

-- Month after month, newest first, until the page is full. The main file takes precedence over the month.
-- @months descending
SELECT * FROM (
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM completed_job
    WHERE :completed
    UNION ALL
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM failed_job
    WHERE :failed
) j
WHERE batch_id = :batch_id AND id < :before_id
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_background_job b WHERE b.id = j.id)
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_finished_job f WHERE f.id = j.id)
  AND (:state IS NULL OR state = :state)
  AND (:queue IS NULL OR queue = :queue)
  AND (:worker IS NULL OR worker = :worker)
  AND (:command IS NULL OR command = :command)
  AND (:user_id IS NULL OR user_id = :user_id)
ORDER BY id DESC
LIMIT :limit;
