-- One slice of a search, newest first: the jobs with ids in [from_id, before_id) that may match. The ids bound the
-- reading under every condition: the caller sizes them by how long the previous slice took, and says how far back it
-- got. It enters each table by primary key; no condition chooses another index. If a text is searched for, `..._has`
-- holds a part of it in lower case: the caller checks each row once more, by rules that are the same for every
-- database.
-- READPAST: it does not wait for an uncommitted enqueue or a job that is just moving. RECOMPILE: over
-- partitions the plan depends on the conditions.
DECLARE @from_id bigint = :from_id, @before_id bigint = :before_id, @most int = :most, @parent_id bigint = :parent_id;
DECLARE @live bit = :live, @completed bit = :completed, @failed bit = :failed, @state nvarchar(20) = :state;
DECLARE @queue nvarchar(510) = :queue;
DECLARE @worker nvarchar(510) = :worker;
DECLARE @command nvarchar(510) = :command;
DECLARE @user_id nvarchar(510) = :user_id;
DECLARE @error_code nvarchar(510) = :error_code;
DECLARE @created_by nvarchar(510) = :created_by;
DECLARE @error_has nvarchar(max) = :error_has;
DECLARE @request_has nvarchar(max) = :request_has;
DECLARE @response_has nvarchar(max) = :response_has;
DECLARE @args_has nvarchar(max) = :args_has;
DECLARE @meta_has nvarchar(max) = :meta_has;
SELECT (
    SELECT TOP (@most) j.id, j.ref_id, j.queue, j.worker, j.command, j.state, j.priority, j.tag, j.batch_id, j.user_id,
        j.attempt, j.created_at, j.run_after, j.started_at, j.completed_at, j.duration_ms, j.progress,
        j.status, j.error_code, j.error
    FROM (
        SELECT id, ref_id, queue, worker, command,
            CASE WHEN executed_at IS NOT NULL THEN N'executed' ELSE state END AS state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error, created_by, parent_id,
            request_body, response_body, args, meta
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE @live = 1 AND id >= @from_id AND id < @before_id
        UNION ALL
        SELECT id, ref_id, queue, worker, command,
            state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error, created_by, parent_id,
            request_body, response_body, args, meta
        FROM dbjobs.completed_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE @completed = 1 AND id >= @from_id AND id < @before_id
        UNION ALL
        SELECT id, ref_id, queue, worker, command,
            state,
            priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error, created_by, parent_id,
            request_body, response_body, args, meta
        FROM dbjobs.failed_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE @failed = 1 AND id >= @from_id AND id < @before_id
    ) AS j
    WHERE j.id < @before_id
      AND (@state IS NULL OR j.state = @state)
      AND (@queue IS NULL OR j.queue = @queue)
      AND (@worker IS NULL OR j.worker = @worker)
      AND (@command IS NULL OR j.command = @command)
      AND (@user_id IS NULL OR j.user_id = @user_id)
      AND (@error_code IS NULL OR j.error_code = @error_code)
      AND (@created_by IS NULL OR j.created_by = @created_by)
      AND (@parent_id IS NULL OR j.parent_id = @parent_id)
      AND (@error_has IS NULL OR CHARINDEX(@error_has, LOWER(j.error) COLLATE Latin1_General_100_BIN2) > 0)
      AND (@request_has IS NULL OR CHARINDEX(@request_has, LOWER(j.request_body) COLLATE Latin1_General_100_BIN2) > 0)
      AND (@response_has IS NULL OR CHARINDEX(@response_has, LOWER(j.response_body) COLLATE Latin1_General_100_BIN2) > 0)
      AND (@args_has IS NULL OR CHARINDEX(@args_has, LOWER(j.args) COLLATE Latin1_General_100_BIN2) > 0)
      AND (@meta_has IS NULL OR CHARINDEX(@meta_has, LOWER(j.meta) COLLATE Latin1_General_100_BIN2) > 0)
    ORDER BY j.id DESC
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed
OPTION (RECOMPILE);
