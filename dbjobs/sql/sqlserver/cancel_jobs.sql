-- Jobs that have not started go to history as cancelled; all others are left alone.
-- A lane that such a job was blocking (it was waiting for its retry) is free again.
-- The state is read from the row version that is locked: a job that is being claimed at this moment is waited for,
-- and then seen as started.
DECLARE @ids nvarchar(max) = :ids, @error_code nvarchar(510) = :error_code, @error nvarchar(max) = :error;
DECLARE @minute datetime2(0) = DATEADD(minute, DATEDIFF(minute, '2020-01-01', SYSUTCDATETIME()), '2020-01-01');
DECLARE @missing int, @message nvarchar(200), @packed nvarchar(max);
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @moved TABLE (
    id              bigint NOT NULL PRIMARY KEY,
    queue           nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command         nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    batch_id        nvarchar(510) COLLATE Latin1_General_100_BIN2,
    has_dependents  bit NOT NULL,
    month           int NOT NULL
);
DECLARE @count TABLE (
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command     nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    cancelled   bigint NOT NULL
);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @moved (id, queue, command, batch_id, has_dependents, month)
SELECT j.id, j.queue, j.command, j.batch_id, j.has_dependents, YEAR(j.created_at) * 100 + MONTH(j.created_at)
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey))
    ON j.id = w.id
WHERE j.state IN (N'scheduled', N'waiting', N'queued');
SELECT TOP (1) @missing = m.month
FROM @moved AS m
WHERE NOT EXISTS (SELECT 1 FROM dbjobs.history_month AS h WITH (REPEATABLEREAD) WHERE h.month = m.month)
ORDER BY m.month;
IF @missing IS NOT NULL
BEGIN
    SET @message = CONCAT(N'history has no place for the month ', @missing);
    THROW 50001, @message, 1;
END;

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
DELETE d
FROM @moved AS m
JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK) ON d.child_id = m.id;

INSERT INTO @count (queue, command, cancelled)
SELECT m.queue, m.command, COUNT(*) FROM @moved AS m GROUP BY m.queue, m.command;
UPDATE s
SET cancelled = s.cancelled + c.cancelled
FROM @count AS c
JOIN dbjobs.job_stat AS s WITH (UPDLOCK, SERIALIZABLE, FORCESEEK)
    ON s.minute = @minute AND s.queue = c.queue AND s.command = c.command AND s.node_id = 0;
INSERT INTO dbjobs.job_stat (minute, queue, command, node_id, cancelled)
SELECT @minute, c.queue, c.command, 0, c.cancelled
FROM @count AS c
WHERE NOT EXISTS (
    SELECT 1 FROM dbjobs.job_stat AS s WITH (UPDLOCK, SERIALIZABLE)
    WHERE s.minute = @minute AND s.queue = c.queue AND s.command = c.command AND s.node_id = 0
);

SET @packed = (
    SELECT m.id, N'cancelled' AS state, m.batch_id, m.has_dependents
    FROM @moved AS m
    ORDER BY m.id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
