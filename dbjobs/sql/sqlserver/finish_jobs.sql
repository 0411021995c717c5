-- Moves ended jobs from live to history, in one round trip.
--
-- * Driven by primary key, fenced by (id, attempt, node_id): a row that is no longer ours yields nothing. The hints
--   leave the optimiser no other way into the table than one seek for each id, even if it misjudges its size.
-- * It locks the rows first, then copies and deletes them, so the wide columns go straight from table to table.
-- * It locks no other job. It reads has_dependents from the locked row, so it cannot miss a flag that is just being set
--   (resolve_children); ended_parent then says that children must be told.
-- * Batches and roll-ups: it appends rows, or counts up our own if nobody has locked it (job_stat). If this runs in a
--   handler's transaction, that may stay open, and nobody else waits for what it wrote.
-- * If history has no place for a month, the batch ends with error 50001 and the month's name. It holds that row
--   in history_month to the end, so retention cannot drop the month during this move.
-- * JSON columns come as JSON in an array of one (see insert_jobs); so do long texts (see the function json_text).
-- * A lane goes back together with the last outcome of its run.
DECLARE @node_id bigint = :node_id, @counter bigint = :counter, @outcomes nvarchar(max) = :outcomes;
DECLARE @minute datetime2(0) = DATEADD(minute, DATEDIFF(minute, '2020-01-01', SYSUTCDATETIME()), '2020-01-01');
DECLARE @this_month int = YEAR(SYSUTCDATETIME()) * 100 + MONTH(SYSUTCDATETIME());
DECLARE @missing int, @message nvarchar(200), @packed nvarchar(max);
DECLARE @moved TABLE (
    id              bigint NOT NULL PRIMARY KEY,
    state           nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    response        nvarchar(max),
    response_body   nvarchar(max),
    duration_ms     float,
    error_code      nvarchar(510),
    error           nvarchar(max),
    failure         nvarchar(max),
    progress        float,
    status          nvarchar(max),
    release_worker  bit,
    worker          nvarchar(510) COLLATE Latin1_General_100_BIN2,
    queue           nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command         nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    batch_id        nvarchar(510) COLLATE Latin1_General_100_BIN2,
    has_dependents  bit NOT NULL,
    month           int NOT NULL
);
DECLARE @count TABLE (
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command     nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    completed   bigint NOT NULL,
    failed      bigint NOT NULL,
    cancelled   bigint NOT NULL,
    duration_ms float NOT NULL,
    row_id      bigint      -- our row in job_stat; NULL: there is none, or somebody has locked it
);

BEGIN TRANSACTION;
INSERT INTO @moved (
    id, state, response, response_body, duration_ms, error_code, error, failure, progress, status, release_worker,
    worker, queue, command, batch_id, has_dependents, month
)
SELECT
    j.id, o.state, o.response, SUBSTRING(body.response_body, 2, LEN(body.response_body) - 2), o.duration_ms,
    o.error_code, dbjobs.json_text(body.error), SUBSTRING(body.failure, 2, LEN(body.failure) - 2), o.progress,
    dbjobs.json_text(body.status), o.release_worker,
    j.worker, j.queue, j.command, j.batch_id, j.has_dependents,
    YEAR(j.created_at) * 100 + MONTH(j.created_at)
FROM OPENJSON(@outcomes) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    id bigint, attempt int, state nvarchar(20), response nvarchar(max), duration_ms float, error_code nvarchar(510),
    progress float, release_worker bit
) AS o
CROSS APPLY (
    SELECT JSON_QUERY(item.value, '$.response_body') AS response_body, JSON_QUERY(item.value, '$.failure') AS failure,
        JSON_QUERY(item.value, '$.error') AS error, JSON_QUERY(item.value, '$.status') AS status
) AS body
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey))
    ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = @node_id;
SELECT TOP (1) @missing = m.month
FROM @moved AS m
WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month AS h WITH (REPEATABLEREAD) WHERE h.month = m.month)
ORDER BY m.month;
IF @missing IS NOT NULL
BEGIN
    SET @message = CONCAT(N'history has no place for the month ', @missing);
    THROW 50001, @message, 1;
END;

INSERT INTO dbjobs.completed_job (
    id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, depends_on_policy,
    run_after, expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response, response_body, state, started_at, executed_at, completed_at, notified_at, last_activity_at,
    retry_limit, retry, on_failure, attempt, attempt_base, duration_ms, timeout_seconds, progress, status,
    reply_to, error_code, error, errors, args, meta, trace_context, cancel_requested_at, node_id
)
SELECT
    j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback, j.depends_on,
    j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id, j.request_type,
    j.command, j.request, j.request_body, COALESCE(m.response, j.response), COALESCE(m.response_body,
    j.response_body), m.state, j.started_at, j.executed_at, SYSUTCDATETIME(),
    CASE WHEN j.executed_at IS NULL THEN j.notified_at ELSE SYSUTCDATETIME() END,
    j.last_activity_at, j.retry_limit, j.retry, j.on_failure, j.attempt, j.attempt_base, m.duration_ms,
    j.timeout_seconds, COALESCE(m.progress, j.progress), COALESCE(m.status, j.status), j.reply_to, NULL, NULL,
    j.errors, j.args, j.meta, j.trace_context, j.cancel_requested_at, j.node_id
FROM @moved AS m
JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = m.id
WHERE m.state = N'completed';
IF EXISTS (SELECT 1 FROM @moved AS m WHERE m.state <> N'completed')
    INSERT INTO dbjobs.failed_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, run_after, expires_at, created_at, created_by, user_id, request_type, command,
        request, request_body, response, response_body, state, started_at, executed_at, completed_at,
        notified_at, last_activity_at, retry_limit, retry, on_failure, attempt, attempt_base, duration_ms,
        timeout_seconds, progress, status, reply_to, error_code, error, errors, args, meta, trace_context,
        cancel_requested_at, node_id
    )
    SELECT
        j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
        j.depends_on, j.depends_on_policy, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id,
        j.request_type, j.command, j.request, j.request_body, j.response, j.response_body, m.state,
        j.started_at, j.executed_at, SYSUTCDATETIME(), j.notified_at, j.last_activity_at, j.retry_limit,
        j.retry, j.on_failure, j.attempt, j.attempt_base, m.duration_ms, j.timeout_seconds,
        COALESCE(m.progress, j.progress), COALESCE(m.status, j.status), j.reply_to, m.error_code, m.error,
        CASE WHEN m.failure IS NULL THEN j.errors WHEN j.errors IS NULL THEN CONCAT(N'[', m.failure, N']')
        ELSE CONCAT(LEFT(j.errors, LEN(j.errors) - 1), N',', m.failure, N']') END, j.args, j.meta,
        j.trace_context, j.cancel_requested_at, j.node_id
    FROM @moved AS m
    JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = m.id
    WHERE m.state <> N'completed';
DELETE j
FROM @moved AS m
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = m.id;
IF EXISTS (SELECT 1 FROM @moved AS m WHERE m.release_worker = 1 AND m.worker IS NOT NULL)
    DELETE w
    FROM @moved AS m
    JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.worker = m.worker
    WHERE m.release_worker = 1 AND w.node_id = @node_id;

IF EXISTS (SELECT 1 FROM @moved AS m WHERE m.month < @this_month)
    INSERT INTO dbjobs.late_end (created_month, ended_month)
    SELECT DISTINCT m.month, @this_month
    FROM @moved AS m
    WHERE m.month < @this_month AND NOT EXISTS (
        SELECT 1 FROM dbjobs.late_end AS l WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK)
        WHERE l.created_month = m.month AND l.ended_month = @this_month
    );
IF EXISTS (SELECT 1 FROM @moved AS m WHERE m.has_dependents = 1)
    INSERT INTO dbjobs.ended_parent (parent_id, state)
    SELECT m.id, m.state FROM @moved AS m WHERE m.has_dependents = 1;
IF EXISTS (SELECT 1 FROM @moved AS m WHERE m.batch_id IS NOT NULL)
    INSERT INTO dbjobs.job_batch (batch_id, completed, failed, cancelled)
    SELECT m.batch_id,
        SUM(CASE WHEN m.state = N'completed' THEN 1 ELSE 0 END),
        SUM(CASE WHEN m.state = N'failed' THEN 1 ELSE 0 END),
        SUM(CASE WHEN m.state = N'cancelled' THEN 1 ELSE 0 END)
    FROM @moved AS m
    WHERE m.batch_id IS NOT NULL
    GROUP BY m.batch_id;
INSERT INTO @count (queue, command, completed, failed, cancelled, duration_ms, row_id)
SELECT t.queue, t.command, t.completed, t.failed, t.cancelled, t.duration_ms, own.id
FROM (
    SELECT m.queue, m.command,
        SUM(CASE WHEN m.state = N'completed' THEN 1 ELSE 0 END) AS completed,
        SUM(CASE WHEN m.state = N'failed' THEN 1 ELSE 0 END) AS failed,
        SUM(CASE WHEN m.state = N'cancelled' THEN 1 ELSE 0 END) AS cancelled,
        SUM(COALESCE(m.duration_ms, 0)) AS duration_ms
    FROM @moved AS m
    GROUP BY m.queue, m.command
) AS t
OUTER APPLY (
    SELECT TOP (1) s.id
    FROM dbjobs.job_stat AS s
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_stat_key))
    WHERE s.minute = @minute AND s.counter = @counter AND s.queue = t.queue AND s.command = t.command
) AS own;
UPDATE s
SET completed = s.completed + c.completed, failed = s.failed + c.failed, cancelled = s.cancelled + c.cancelled,
    duration_ms = s.duration_ms + c.duration_ms
FROM @count AS c
JOIN dbjobs.job_stat AS s WITH (ROWLOCK, FORCESEEK, INDEX (job_stat_pkey)) ON s.minute = @minute AND s.id = c.row_id;
INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed, failed, cancelled, duration_ms)
SELECT @minute, c.queue, c.command, @counter, c.completed, c.failed, c.cancelled, c.duration_ms
FROM @count AS c
WHERE c.row_id IS NULL;

SET @packed = (
    SELECT m.id, m.has_dependents
    FROM @moved AS m
    ORDER BY m.id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
