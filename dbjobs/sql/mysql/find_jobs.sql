-- One slice of a search, newest first: the jobs with ids in [from_id, before_id) that may match. The ids bound the
-- reading under every condition: the caller sizes them by how long the previous slice took, and says how far back it
-- got. It enters each table by primary key; no condition chooses another index. If a text is searched for, `..._has`
-- holds a part of it in lower case: the caller checks each row once more, by rules that are the same for every
-- database.
(
    SELECT id, ref_id, queue, worker, command,
        CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_background_job FORCE INDEX (PRIMARY)
    WHERE :live
      AND id >= :from_id AND id < :before_id
      AND (:state IS NULL OR CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END = :state)
      AND (:queue IS NULL OR queue = :queue)
      AND (:worker IS NULL OR worker = :worker)
      AND (:command IS NULL OR command = :command)
      AND (:user_id IS NULL OR user_id = :user_id)
      AND (:error_code IS NULL OR error_code = :error_code)
      AND (:created_by IS NULL OR created_by = :created_by)
      AND (:parent_id IS NULL OR parent_id = :parent_id)
      AND (:error_has IS NULL OR LOCATE(:error_has, LOWER(error)) > 0)
      AND (:request_has IS NULL OR LOCATE(:request_has, LOWER(request_body)) > 0)
      AND (:response_has IS NULL OR LOCATE(:response_has, LOWER(response_body)) > 0)
      AND (:args_has IS NULL OR LOCATE(:args_has, LOWER(args)) > 0)
      AND (:meta_has IS NULL OR LOCATE(:meta_has, LOWER(meta)) > 0)
    ORDER BY id DESC
    LIMIT :most
)
UNION ALL
(
    SELECT id, ref_id, queue, worker, command,
        state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_completed_job FORCE INDEX (PRIMARY)
    WHERE :completed
      AND id >= :from_id AND id < :before_id
      AND (:state IS NULL OR state = :state)
      AND (:queue IS NULL OR queue = :queue)
      AND (:worker IS NULL OR worker = :worker)
      AND (:command IS NULL OR command = :command)
      AND (:user_id IS NULL OR user_id = :user_id)
      AND (:error_code IS NULL OR error_code = :error_code)
      AND (:created_by IS NULL OR created_by = :created_by)
      AND (:parent_id IS NULL OR parent_id = :parent_id)
      AND (:error_has IS NULL OR LOCATE(:error_has, LOWER(error)) > 0)
      AND (:request_has IS NULL OR LOCATE(:request_has, LOWER(request_body)) > 0)
      AND (:response_has IS NULL OR LOCATE(:response_has, LOWER(response_body)) > 0)
      AND (:args_has IS NULL OR LOCATE(:args_has, LOWER(args)) > 0)
      AND (:meta_has IS NULL OR LOCATE(:meta_has, LOWER(meta)) > 0)
    ORDER BY id DESC
    LIMIT :most
)
UNION ALL
(
    SELECT id, ref_id, queue, worker, command,
        state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM dbjobs_failed_job FORCE INDEX (PRIMARY)
    WHERE :failed
      AND id >= :from_id AND id < :before_id
      AND (:state IS NULL OR state = :state)
      AND (:queue IS NULL OR queue = :queue)
      AND (:worker IS NULL OR worker = :worker)
      AND (:command IS NULL OR command = :command)
      AND (:user_id IS NULL OR user_id = :user_id)
      AND (:error_code IS NULL OR error_code = :error_code)
      AND (:created_by IS NULL OR created_by = :created_by)
      AND (:parent_id IS NULL OR parent_id = :parent_id)
      AND (:error_has IS NULL OR LOCATE(:error_has, LOWER(error)) > 0)
      AND (:request_has IS NULL OR LOCATE(:request_has, LOWER(request_body)) > 0)
      AND (:response_has IS NULL OR LOCATE(:response_has, LOWER(response_body)) > 0)
      AND (:args_has IS NULL OR LOCATE(:args_has, LOWER(args)) > 0)
      AND (:meta_has IS NULL OR LOCATE(:meta_has, LOWER(meta)) > 0)
    ORDER BY id DESC
    LIMIT :most
)
ORDER BY id DESC
LIMIT :most;
