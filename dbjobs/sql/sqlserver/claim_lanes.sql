-- Takes leases on idle named workers and claims a run of jobs for each, in one round trip.
--
-- * A skip scan: one probe of background_job_lane per distinct worker, from a moving start, so the cost grows with the
--   lanes it reads, not with the jobs behind them. It ends once it has found enough idle lanes.
-- * It leaves a lane alone if this node cannot run its head (unknown command, queue not served): taking
--   the job behind it would break the order.
-- * `queues` are those that this node serves, or with `all_but` those that it does not: a node that serves every queue
--   need not name them.
-- * The looks are NOLOCK: they see every job, even one that somebody is just inserting or changing, and wait for
--   nobody. It then locks the jobs found by primary key with READPAST, and a run ends before the first job that it
--   could not lock: skipping a job would break the order, and waiting for it might take as long as somebody else's
--   transaction.
-- * One node at a time takes leases (an application lock, to the end of this batch, which no client can hold up).
--   Without it two nodes that want the same lane would meet at job_worker's primary key, and its error ends a
--   transaction. After waiting for a second, a node returns with nothing and looks again later.
-- * An update lock on our own node row, as in claim_jobs.
DECLARE @node_id bigint = :node_id, @after_worker nvarchar(510) = :after_worker, @lanes int = :lanes;
DECLARE @run_length int = :run_length, @scan_limit int = :scan_limit;
DECLARE @queues nvarchar(max) = :queues, @all_but bit = :all_but, @commands nvarchar(max) = :commands;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max), @looked_at int = 0, @found int = 0, @lock int;
DECLARE @worker nvarchar(510), @head_command nvarchar(510), @head_queue nvarchar(510);
DECLARE @command TABLE (command nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
DECLARE @queue TABLE (queue nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
DECLARE @idle TABLE (worker nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
DECLARE @leased TABLE (worker nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
DECLARE @seen TABLE (
    id          bigint NOT NULL PRIMARY KEY,
    worker      nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority    int NOT NULL,
    mine        bit NOT NULL
);
DECLARE @locked TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @run TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @command (command)
SELECT DISTINCT c.command COLLATE Latin1_General_100_BIN2
FROM OPENJSON(@commands) WITH (command nvarchar(510) '$') AS c;
INSERT INTO @queue (queue)
SELECT DISTINCT q.queue COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@queues) WITH (queue nvarchar(510) '$') AS q;

WHILE @looked_at < @scan_limit AND @found < @lanes
BEGIN
    SELECT TOP (1) @worker = j.worker, @head_command = j.command, @head_queue = j.queue
    FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_lane))
    WHERE j.state = N'queued' AND j.worker IS NOT NULL AND j.worker > @after_worker
    ORDER BY j.worker, j.priority, j.id;
    IF @@ROWCOUNT = 0 BREAK;
    SELECT @after_worker = @worker, @looked_at = @looked_at + 1;
    IF EXISTS (SELECT 1 FROM @command AS c WHERE c.command = @head_command)
        AND @all_but <> CASE WHEN EXISTS (SELECT 1 FROM @queue AS q WHERE q.queue = @head_queue) THEN 1 ELSE 0 END
        AND NOT EXISTS (SELECT 1 FROM dbjobs.job_worker AS w WITH (NOLOCK) WHERE w.worker = @worker)
    BEGIN
        INSERT INTO @idle (worker) VALUES (@worker);
        SET @found = @found + 1;
    END;
END;

IF @found > 0
BEGIN
    BEGIN TRANSACTION;
    EXEC @lock = sp_getapplock @Resource = N'lanes of dbjobs.job_worker', @LockMode = N'Exclusive',
        @LockOwner = N'Transaction', @LockTimeout = 1000;
    IF @lock >= 0 AND EXISTS (
        SELECT 1 FROM dbjobs.job_node WITH (UPDLOCK, ROWLOCK)
        WHERE id = @node_id AND lease_expires_at > SYSUTCDATETIME() AND buried = 0
    )
    BEGIN
        INSERT INTO dbjobs.job_worker (worker, node_id)
        OUTPUT inserted.worker INTO @leased (worker)
        SELECT i.worker, @node_id
        FROM @idle AS i
        WHERE NOT EXISTS (SELECT 1 FROM dbjobs.job_worker AS w WHERE w.worker = i.worker)
        ORDER BY i.worker;

        INSERT INTO @seen (id, worker, priority, mine)
        SELECT h.id, l.worker, h.priority, h.mine
        FROM @leased AS l
        CROSS APPLY (
            SELECT TOP (@run_length) j.id, j.priority, CASE
                WHEN EXISTS (SELECT 1 FROM @command AS c WHERE c.command = j.command)
                    AND @all_but
                        <> CASE WHEN EXISTS (SELECT 1 FROM @queue AS q WHERE q.queue = j.queue) THEN 1 ELSE 0 END
                THEN 1 ELSE 0 END AS mine
            FROM dbjobs.background_job AS j WITH (NOLOCK, INDEX (background_job_lane))
            WHERE j.worker = l.worker AND j.worker IS NOT NULL AND j.state = N'queued'
              AND (j.expires_at IS NULL OR j.attempt > 0 OR j.expires_at > @now)
            ORDER BY j.priority, j.id
        ) AS h;
        INSERT INTO @locked (id)
        SELECT j.id
        FROM @seen AS s
        JOIN dbjobs.background_job AS j
            WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = s.id
        WHERE j.state = N'queued' AND j.worker = s.worker AND j.priority = s.priority;
        INSERT INTO @run (id)
        SELECT r.id
        FROM (
            SELECT s.id, MIN(CASE WHEN s.mine = 1 AND k.id IS NOT NULL THEN 1 ELSE 0 END) OVER (
                PARTITION BY s.worker ORDER BY s.priority, s.id ROWS UNBOUNDED PRECEDING
            ) AS claimable
            FROM @seen AS s
            LEFT JOIN @locked AS k ON k.id = s.id
        ) AS r
        WHERE r.claimable = 1;
        SET @now = SYSUTCDATETIME();
        UPDATE j
        SET state = N'started', node_id = @node_id, attempt = j.attempt + 1, started_at = @now,
            last_activity_at = @now, progress = NULL, status = NULL
        FROM @run AS r
        JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey))
            ON j.id = r.id;
    END;
    -- A lane that yielded no job (its head went away in between, or is locked) comes back with a NULL id, to be
    -- released.
    SET @packed = (
        SELECT j.id, j.attempt, j.attempt_base, j.queue, l.worker, j.priority, j.command, j.request_type,
        j.request_body, j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure,
        j.timeout_seconds, j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by,
        j.reply_to, j.args, j.meta, j.trace_context, j.depends_on, j.has_dependents
        FROM @leased AS l
        LEFT JOIN (
            @run AS r
            JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = r.id
        ) ON j.worker = l.worker
        FOR JSON PATH, INCLUDE_NULL_VALUES
    );
    COMMIT TRANSACTION;
END;
SELECT @packed AS packed;
