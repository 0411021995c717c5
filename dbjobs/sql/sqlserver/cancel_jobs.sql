-- Jobs that have not started go to history as cancelled; if ask_running says so, the nodes of running ones are asked to
-- stop them, and learn that at their next heartbeat.
--
-- * One batch with its own commit: it locks rows by id and decides everything by the locked row, so it does not miss a
--   job that is just going into its retry. READPAST: rows that somebody else has locked yield nothing, and the caller
--   tries them again.
-- * If such a job was blocking its lane (while waiting for its retry), the lane is free again. release_children tells
--   its children of its end (ended_parent).
-- * Edges of cancelled jobs go once their end is committed, in their own transaction: release_children may think that a
--   parent has no edge left while a delete is under way, so an edge must not come back to a child that is alive again.
--   If that fails, release_children finds the edges of dead children. We hold the row in history meanwhile: a job that
--   is just being requeued gets new edges, which are not ours to delete (requeue_jobs takes that row before it has
--   any). Inside a caller's transaction (an edit) the edges stay, and release_children finds them: they may not go
--   before the COMMIT, and a deadlock here would silently roll all of it back.
-- * expired: only jobs that still are. A job found before may have been started or requeued since (it has no end then).
-- * If history has no place for a month, the batch ends with error 50001; see finish_jobs, also for the roll-ups.
DECLARE @ids nvarchar(max) = :ids, @error_code nvarchar(510) = :error_code, @error nvarchar(max) = :error;
DECLARE @expired bit = :expired;
DECLARE @counter bigint = :counter, @ask_running bit = :ask_running, @now datetime2(6) = SYSUTCDATETIME();
DECLARE @minute datetime2(0) = DATEADD(minute, DATEDIFF(minute, '2020-01-01', @now), '2020-01-01');
DECLARE @this_month int = YEAR(SYSUTCDATETIME()) * 100 + MONTH(SYSUTCDATETIME());
DECLARE @missing int, @message nvarchar(200), @packed nvarchar(max);
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @locked TABLE (
    id              bigint NOT NULL PRIMARY KEY,
    state           nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    queue           nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command         nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    batch_id        nvarchar(510) COLLATE Latin1_General_100_BIN2,
    has_dependents  bit NOT NULL,
    month           int NOT NULL
);
DECLARE @moved TABLE (
    id              bigint NOT NULL PRIMARY KEY,
    queue           nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command         nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    batch_id        nvarchar(510) COLLATE Latin1_General_100_BIN2,
    has_dependents  bit NOT NULL,
    month           int NOT NULL
);
DECLARE @asked TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @dead TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @count TABLE (
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command     nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    cancelled   bigint NOT NULL,
    row_id      bigint      -- our row in job_stat; NULL: there is none, or somebody has locked it
);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @locked (id, state, queue, command, batch_id, has_dependents, month)
SELECT j.id, j.state, j.queue, j.command, j.batch_id, j.has_dependents,
    YEAR(j.created_at) * 100 + MONTH(j.created_at)
FROM @wanted AS w
JOIN dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id
WHERE @expired = 0 OR j.attempt = 0 AND j.expires_at <= @now;
INSERT INTO @moved (id, queue, command, batch_id, has_dependents, month)
SELECT l.id, l.queue, l.command, l.batch_id, l.has_dependents, l.month
FROM @locked AS l
WHERE l.state IN (N'scheduled', N'waiting', N'queued');
INSERT INTO @asked (id)
SELECT l.id FROM @locked AS l WHERE @ask_running = 1 AND l.state IN (N'started', N'executed');
SELECT TOP (1) @missing = m.month
FROM @moved AS m
WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month AS h WITH (REPEATABLEREAD) WHERE h.month = m.month)
ORDER BY m.month;
IF @missing IS NOT NULL
BEGIN
    SET @message = CONCAT(N'history has no place for the month ', @missing);
    THROW 50001, @message, 1;
END;

UPDATE j
SET cancel_requested_at = COALESCE(j.cancel_requested_at, @now)
FROM @asked AS a
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = a.id;
INSERT INTO dbjobs.failed_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response, response_body, state, started_at, executed_at, completed_at, notified_at, last_activity_at,
    retry_limit, retry, on_failure, attempt, attempt_base, duration_ms, timeout_seconds, progress, status,
    reply_to, error_code, error, errors, args, meta, trace_context, cancel_requested_at, node_id
)
SELECT
    j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback, j.depends_on,
    j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id, j.request_type,
    j.command, j.request, j.request_body, j.response, j.response_body, N'cancelled', j.started_at,
    j.executed_at, SYSUTCDATETIME(), j.notified_at, j.last_activity_at, j.retry_limit, j.retry, j.on_failure,
    j.attempt, j.attempt_base, j.duration_ms, j.timeout_seconds, j.progress, j.status, j.reply_to,
    @error_code, @error, j.errors, j.args, j.meta, j.trace_context, SYSUTCDATETIME(), NULL
FROM @moved AS m
JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = m.id;
DELETE j
FROM @moved AS m
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = m.id;
DELETE w
FROM @moved AS m
JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.blocked_by = m.id
WHERE w.blocked_by IS NOT NULL;
IF EXISTS (SELECT 1 FROM @moved AS m WHERE m.month < @this_month)
    INSERT INTO dbjobs.late_end (created_month, ended_month)
    SELECT DISTINCT m.month, @this_month
    FROM @moved AS m
    WHERE m.month < @this_month AND NOT EXISTS (
        SELECT 1 FROM dbjobs.late_end AS l WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK)
        WHERE l.created_month = m.month AND l.ended_month = @this_month
    );
INSERT INTO dbjobs.ended_parent (parent_id, state)
SELECT m.id, N'cancelled' FROM @moved AS m WHERE m.has_dependents = 1;
INSERT INTO dbjobs.job_batch (batch_id, cancelled)
SELECT m.batch_id, COUNT(*) FROM @moved AS m WHERE m.batch_id IS NOT NULL GROUP BY m.batch_id;

INSERT INTO @count (queue, command, cancelled, row_id)
SELECT t.queue, t.command, t.cancelled, own.id
FROM (SELECT m.queue, m.command, COUNT(*) AS cancelled FROM @moved AS m GROUP BY m.queue, m.command) AS t
OUTER APPLY (
    SELECT TOP (1) s.id
    FROM dbjobs.job_stat AS s
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_stat_key))
    WHERE s.minute = @minute AND s.counter = @counter AND s.queue = t.queue AND s.command = t.command
) AS own;
UPDATE s
SET cancelled = s.cancelled + c.cancelled
FROM @count AS c
JOIN dbjobs.job_stat AS s WITH (ROWLOCK, FORCESEEK, INDEX (job_stat_pkey)) ON s.minute = @minute AND s.id = c.row_id;
INSERT INTO dbjobs.job_stat (minute, queue, command, counter, cancelled)
SELECT @minute, c.queue, c.command, @counter, c.cancelled
FROM @count AS c
WHERE c.row_id IS NULL;

SET @packed = (
    SELECT e.id, e.state
    FROM (
        SELECT m.id, N'cancelled' AS state FROM @moved AS m
        UNION ALL
        SELECT a.id, N'started' AS state FROM @asked AS a
    ) AS e
    ORDER BY e.id
    FOR JSON PATH
);
COMMIT TRANSACTION;
IF @@TRANCOUNT = 0
BEGIN
    BEGIN TRY
        BEGIN TRANSACTION;
        INSERT INTO @dead (id)
        SELECT m.id
        FROM @moved AS m
        JOIN dbjobs.failed_job AS f WITH (REPEATABLEREAD, READPAST, ROWLOCK, FORCESEEK) ON f.id = m.id;
        DELETE d
        FROM @dead AS g
        JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK, INDEX (job_dependency_child)) ON d.child_id = g.id;
        COMMIT TRANSACTION;
    END TRY
    BEGIN CATCH
        IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
        IF ERROR_NUMBER() NOT IN (1205, 1222) THROW;
    END CATCH;
END;
SELECT @packed AS packed;
