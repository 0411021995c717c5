-- One slice of a search, newest first: the jobs with ids in [from_id, before_id) that may match. The ids bound the
-- reading under every condition: the caller sizes them by how long the previous slice took, and says how far back it
-- got. It enters each table by primary key; no condition chooses another index. If a text is searched for, `..._has`
-- holds a part of it in lower case: the caller checks each row once more, by rules that are the same for every
-- database.
-- The CAST gives `state` one type in both tables: without it SQLite would read them whole and sort them.
SELECT id, ref_id, queue, worker, command,
    state,
    priority, tag, batch_id, user_id, attempt, created_at,
    run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
FROM (
    SELECT id, ref_id, queue, worker, command,
        CAST(CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS TEXT) AS state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error,
        created_by, parent_id, request_body, response_body, args, meta
    FROM dbjobs_background_job
    WHERE :live AND id >= :from_id AND id < :before_id
    UNION ALL
    SELECT id, ref_id, queue, worker, command,
        state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error,
        created_by, parent_id, request_body, response_body, args, meta
    FROM dbjobs_finished_job
    WHERE CASE WHEN state = 'completed' THEN :completed ELSE :failed END
      AND id >= :from_id AND id < :before_id
)
WHERE id < :before_id
  AND (:state IS NULL OR state = :state)
  AND (:queue IS NULL OR queue = :queue)
  AND (:worker IS NULL OR worker = :worker)
  AND (:command IS NULL OR command = :command)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:error_code IS NULL OR error_code = :error_code)
  AND (:created_by IS NULL OR created_by = :created_by)
  AND (:parent_id IS NULL OR parent_id = :parent_id)
  AND (:error_has IS NULL OR instr(lower(error), :error_has) > 0)
  AND (:request_has IS NULL OR instr(lower(request_body), :request_has) > 0)
  AND (:response_has IS NULL OR instr(lower(response_body), :response_has) > 0)
  AND (:args_has IS NULL OR instr(lower(args), :args_has) > 0)
  AND (:meta_has IS NULL OR instr(lower(meta), :meta_has) > 0)
ORDER BY id DESC
LIMIT :most;

-- The months that may hold such ids: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range
WHERE first_id < :before_id AND last_id >= :from_id;

-- The main file takes precedence over the month.
-- @months descending in place
SELECT id, ref_id, queue, worker, command,
    state,
    priority, tag, batch_id, user_id, attempt, created_at,
    run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
FROM (
    SELECT id, ref_id, queue, worker, command,
        state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error,
        created_by, parent_id, request_body, response_body, args, meta
    FROM completed_job
    WHERE :completed AND id >= :from_id AND id < :before_id
    UNION ALL
    SELECT id, ref_id, queue, worker, command,
        state,
        priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error,
        created_by, parent_id, request_body, response_body, args, meta
    FROM failed_job
    WHERE :failed AND id >= :from_id AND id < :before_id
) j
WHERE id < :before_id
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_background_job b WHERE b.id = j.id)
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_finished_job f WHERE f.id = j.id)
  AND (:state IS NULL OR state = :state)
  AND (:queue IS NULL OR queue = :queue)
  AND (:worker IS NULL OR worker = :worker)
  AND (:command IS NULL OR command = :command)
  AND (:user_id IS NULL OR user_id = :user_id)
  AND (:error_code IS NULL OR error_code = :error_code)
  AND (:created_by IS NULL OR created_by = :created_by)
  AND (:parent_id IS NULL OR parent_id = :parent_id)
  AND (:error_has IS NULL OR instr(lower(error), :error_has) > 0)
  AND (:request_has IS NULL OR instr(lower(request_body), :request_has) > 0)
  AND (:response_has IS NULL OR instr(lower(response_body), :response_has) > 0)
  AND (:args_has IS NULL OR instr(lower(args), :args_has) > 0)
  AND (:meta_has IS NULL OR instr(lower(meta), :meta_has) > 0)
ORDER BY id DESC
LIMIT :most;
