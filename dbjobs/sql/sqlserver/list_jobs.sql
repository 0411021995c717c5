-- A page of jobs, newest first (keyset on id: a page costs the same wherever it is). The three flags
-- say which tables can hold the wanted state, so that a list of queued jobs does not walk the history.
-- Over partitions there is no order by id: "the newest 50" would sort all of history. So the page reads one window of
-- ids at a time, each larger than the one before, until it is full. RECOMPILE: the given options decide what serves a
-- window.
-- READPAST: it does not wait for an uncommitted enqueue or a job that is just moving.
DECLARE @before_id bigint = :before_id, @limit int = :limit;
DECLARE @live bit = :live, @completed bit = :completed, @failed bit = :failed;
DECLARE @state nvarchar(20) = :state, @queue nvarchar(510) = :queue, @worker nvarchar(510) = :worker;
DECLARE @command nvarchar(510) = :command;
DECLARE @user_id nvarchar(510) = :user_id;
DECLARE @newest bigint = IDENT_CURRENT(N'dbjobs.background_job') + 1, @window bigint = 1000, @from_id bigint;
DECLARE @page TABLE (
    id              bigint NOT NULL,
    ref_id          nvarchar(510),
    queue           nvarchar(510),
    worker          nvarchar(510),
    command         nvarchar(510),
    state           nvarchar(20),
    priority        int,
    tag             nvarchar(510),
    batch_id        nvarchar(510),
    user_id         nvarchar(510),
    attempt         int,
    created_at      datetime2(6),
    run_after       datetime2(6),
    started_at      datetime2(6),
    completed_at    datetime2(6),
    duration_ms     float,
    progress        float,
    status          nvarchar(max),
    error_code      nvarchar(510),
    error           nvarchar(max)
);
IF @before_id > @newest SET @before_id = @newest;

WHILE @before_id > 0 AND (SELECT COUNT(*) FROM @page) < @limit
BEGIN
    SET @from_id = CASE WHEN @before_id > @window THEN @before_id - @window ELSE 0 END;
    INSERT INTO @page
    SELECT TOP (@limit) j.id, j.ref_id, j.queue, j.worker, j.command, j.state, j.priority, j.tag, j.batch_id, j.user_id,
        j.attempt, j.created_at, j.run_after, j.started_at, j.completed_at, j.duration_ms, j.progress,
        j.status, j.error_code, j.error
    FROM (
        SELECT id, ref_id, queue, worker, command, CASE WHEN executed_at IS NOT NULL THEN N'executed' ELSE state
            END AS state, priority, tag, batch_id, user_id, attempt, created_at, run_after, started_at,
            completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE @live = 1
        UNION ALL
        SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.completed_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE @completed = 1
        UNION ALL
        SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
            run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
        FROM dbjobs.failed_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE @failed = 1
    ) AS j
    WHERE j.id < @before_id AND j.id >= @from_id
      AND (@state IS NULL OR j.state = @state)
      AND (@queue IS NULL OR j.queue = @queue)
      AND (@worker IS NULL OR j.worker = @worker)
      AND (@command IS NULL OR j.command = @command)
      AND (@user_id IS NULL OR j.user_id = @user_id)
    ORDER BY j.id DESC
    OPTION (RECOMPILE);
    SELECT @before_id = @from_id, @window = @window * 8;
END;
SELECT (
    SELECT TOP (@limit)
        id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
        run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
    FROM @page
    ORDER BY id DESC
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
