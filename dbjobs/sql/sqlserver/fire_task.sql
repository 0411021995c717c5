-- Fires a task: one batch, one commit inserts the job and moves the task on to its next time. So a
-- time is either fired or still due, whichever process dies, and nobody holds a task's row for longer.
--
-- * The revision decides between nodes that fire the same task: only one of them finds the row as it read it. READPAST:
--   the others do not wait for it. A task that was paused or moved meanwhile does not fire; @at_once (run_now) runs it
--   at any time.
-- * The ref_id says which time the job is for. If it is taken (the task was removed and made again within a second), the
--   time has its job already, and none is inserted. Nobody but the holder of the task's row uses this key, so it needs
--   no named lock.
-- * The database's clock alone says that a task is due.
DECLARE @name nvarchar(510) = :name, @revision bigint = :revision, @at_once bit = :at_once;
DECLARE @next_run_at datetime2(6) = :next_run_at, @last_run_at datetime2(6) = :last_run_at;
DECLARE @runs nvarchar(max) = :runs, @missed bigint = :missed, @skipped bigint = :skipped;
DECLARE @ref_id nvarchar(510) = :ref_id, @worker nvarchar(510) = :worker, @queue nvarchar(510) = :queue;
DECLARE @priority int = :priority, @tag nvarchar(510) = :tag, @callback nvarchar(510) = :callback;
DECLARE @delay_seconds float = :delay_seconds, @expires_seconds float = :expires_seconds;
DECLARE @created_by nvarchar(510) = :created_by, @user_id nvarchar(510) = :user_id;
DECLARE @request_type nvarchar(20) = :request_type, @command nvarchar(510) = :command;
DECLARE @request nvarchar(max) = :request, @request_body nvarchar(max) = :request_body;
DECLARE @retry_limit int = :retry_limit, @retry nvarchar(max) = :retry, @on_failure nvarchar(20) = :on_failure;
DECLARE @timeout_seconds float = :timeout_seconds, @reply_to nvarchar(510) = :reply_to;
DECLARE @args nvarchar(max) = :args, @meta nvarchar(max) = :meta;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @id bigint, @inserted int = 0;
DECLARE @moved TABLE (name nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL);
DECLARE @job TABLE (id bigint NOT NULL);

BEGIN TRANSACTION;
UPDATE t
SET next_run_at = @next_run_at, last_run_at = @last_run_at, runs = @runs, missed = @missed, skipped = @skipped,
    revision = t.revision + 1
OUTPUT inserted.name INTO @moved (name)
FROM dbjobs.scheduled_task AS t WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (scheduled_task_pkey))
WHERE t.name = @name AND t.revision = @revision AND (@at_once = 1 OR t.paused = 0 AND t.next_run_at <= @now);
IF EXISTS (SELECT 1 FROM @moved)
BEGIN
    SELECT @id = r.job_id
    FROM dbjobs.job_ref AS r WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_ref_pkey))
    WHERE r.ref_id = @ref_id;
    IF @id IS NULL
    BEGIN
        INSERT INTO dbjobs.background_job (
            ref_id, worker, queue, priority, tag, callback, run_after, expires_at, created_at, created_by, user_id,
            request_type, command, request, request_body, retry_limit, retry, on_failure, timeout_seconds, reply_to,
            args, meta, state
        )
        OUTPUT inserted.id INTO @job (id)
        SELECT
            @ref_id, NULLIF(RTRIM(@worker), N''), @queue, @priority, @tag, @callback,
            DATEADD(millisecond, CONVERT(int, (@delay_seconds - FLOOR(@delay_seconds / 86400) * 86400) * 1000),
                DATEADD(day, CONVERT(int, FLOOR(@delay_seconds / 86400)), @now)),
            DATEADD(millisecond, CONVERT(int, (@expires_seconds - FLOOR(@expires_seconds / 86400) * 86400) * 1000),
                DATEADD(day, CONVERT(int, FLOOR(@expires_seconds / 86400)), @now)),
            @now, @created_by, @user_id, @request_type, @command, @request, @request_body, @retry_limit, @retry,
            @on_failure, @timeout_seconds, @reply_to, @args, @meta,
            CASE WHEN @delay_seconds > 0 THEN N'scheduled' ELSE N'queued' END;
        SELECT @id = j.id, @inserted = 1 FROM @job AS j;
        INSERT INTO dbjobs.job_ref (ref_id, job_id, month) VALUES (@ref_id, @id, YEAR(@now) * 100 + MONTH(@now));
    END;
END;
COMMIT TRANSACTION;
SELECT @id AS id, @inserted AS inserted FROM @moved;
