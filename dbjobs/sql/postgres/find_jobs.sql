-- One slice of a search, newest first: the jobs with ids in [from_id, before_id) that may match. The ids bound the
-- reading under every condition: the caller sizes them by how long the previous slice took, and says how far back it
-- got. It enters each table by primary key; no condition chooses another index. If a text is searched for, `..._has`
-- holds a part of it in lower case: the caller checks each row once more, by rules that are the same for every
-- database. ORDER BY and LIMIT are in each branch: without them the whole slice would be gathered and sorted.
SELECT * FROM (
    (
        SELECT id, ref_id, queue, worker, command,
            CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.background_job
        WHERE :live::boolean
          AND id >= :from_id::bigint AND id < :before_id::bigint
          AND (:state::text IS NULL OR CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END = :state)
          AND (:queue::text IS NULL OR queue = :queue)
          AND (:worker::text IS NULL OR worker = :worker)
          AND (:command::text IS NULL OR command = :command)
          AND (:user_id::text IS NULL OR user_id = :user_id)
          AND (:error_code::text IS NULL OR error_code = :error_code)
          AND (:created_by::text IS NULL OR created_by = :created_by)
          AND (:parent_id::bigint IS NULL OR parent_id = :parent_id)
          AND (:error_has::text IS NULL OR position(:error_has IN lower(error)) > 0)
          AND (:request_has::text IS NULL OR position(:request_has IN lower(request_body::text)) > 0)
          AND (:response_has::text IS NULL OR position(:response_has IN lower(response_body::text)) > 0)
          AND (:args_has::text IS NULL OR position(:args_has IN lower(args::text)) > 0)
          AND (:meta_has::text IS NULL OR position(:meta_has IN lower(meta::text)) > 0)
        ORDER BY id DESC
        LIMIT :most::integer
    )
    UNION ALL
    (
        SELECT id, ref_id, queue, worker, command,
            state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.completed_job
        WHERE :completed::boolean
          AND id >= :from_id::bigint AND id < :before_id::bigint
          AND (:state::text IS NULL OR state = :state)
          AND (:queue::text IS NULL OR queue = :queue)
          AND (:worker::text IS NULL OR worker = :worker)
          AND (:command::text IS NULL OR command = :command)
          AND (:user_id::text IS NULL OR user_id = :user_id)
          AND (:error_code::text IS NULL OR error_code = :error_code)
          AND (:created_by::text IS NULL OR created_by = :created_by)
          AND (:parent_id::bigint IS NULL OR parent_id = :parent_id)
          AND (:error_has::text IS NULL OR position(:error_has IN lower(error)) > 0)
          AND (:request_has::text IS NULL OR position(:request_has IN lower(request_body::text)) > 0)
          AND (:response_has::text IS NULL OR position(:response_has IN lower(response_body::text)) > 0)
          AND (:args_has::text IS NULL OR position(:args_has IN lower(args::text)) > 0)
          AND (:meta_has::text IS NULL OR position(:meta_has IN lower(meta::text)) > 0)
        ORDER BY id DESC
        LIMIT :most::integer
    )
    UNION ALL
    (
        SELECT id, ref_id, queue, worker, command,
            state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.failed_job
        WHERE :failed::boolean
          AND id >= :from_id::bigint AND id < :before_id::bigint
          AND (:state::text IS NULL OR state = :state)
          AND (:queue::text IS NULL OR queue = :queue)
          AND (:worker::text IS NULL OR worker = :worker)
          AND (:command::text IS NULL OR command = :command)
          AND (:user_id::text IS NULL OR user_id = :user_id)
          AND (:error_code::text IS NULL OR error_code = :error_code)
          AND (:created_by::text IS NULL OR created_by = :created_by)
          AND (:parent_id::bigint IS NULL OR parent_id = :parent_id)
          AND (:error_has::text IS NULL OR position(:error_has IN lower(error)) > 0)
          AND (:request_has::text IS NULL OR position(:request_has IN lower(request_body::text)) > 0)
          AND (:response_has::text IS NULL OR position(:response_has IN lower(response_body::text)) > 0)
          AND (:args_has::text IS NULL OR position(:args_has IN lower(args::text)) > 0)
          AND (:meta_has::text IS NULL OR position(:meta_has IN lower(meta::text)) > 0)
        ORDER BY id DESC
        LIMIT :most::integer
    )
) j
ORDER BY id DESC
LIMIT :most::integer;
