-- A page of jobs, newest first (keyset on id: a page costs the same wherever it lies). The three flags
-- say which tables can hold the wanted state, so that a list of queued jobs does not walk the history.
SELECT * FROM (
    SELECT id, ref_id, queue, worker, command,
        CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
        priority, tag, batch_id, user_id, attempt, created_at, run_after, started_at,
        completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs.background_job
    WHERE :live::boolean
    UNION ALL
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt,
        created_at, run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs.completed_job
    WHERE :completed::boolean
    UNION ALL
    SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt,
        created_at, run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs.failed_job
    WHERE :failed::boolean
) j
WHERE id < :before_id
  AND (:state::text IS NULL OR state = :state)
  AND (:queue::text IS NULL OR queue = :queue)
  AND (:worker::text IS NULL OR worker = :worker)
  AND (:command::text IS NULL OR command = :command)
  AND (:tag::text IS NULL OR tag = :tag)
  AND (:batch_id::text IS NULL OR batch_id = :batch_id)
  AND (:user_id::text IS NULL OR user_id = :user_id)
ORDER BY id DESC
LIMIT :limit::integer;
