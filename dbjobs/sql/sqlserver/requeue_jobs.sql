-- Failed or cancelled jobs come back to life under their own id, with a fresh set of tries. The attempt
-- number goes on counting: it is part of the fence. To write an id of one's own takes ALTER on the table.
DECLARE @ids nvarchar(max) = :ids, @packed nvarchar(max);
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @revived TABLE (
    id          bigint NOT NULL PRIMARY KEY,
    created_at  datetime2(6) NOT NULL,
    state       nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    batch_id    nvarchar(510) COLLATE Latin1_General_100_BIN2
);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @revived (id, created_at, state, batch_id)
SELECT f.id, f.created_at, f.state, f.batch_id
FROM @wanted AS w
JOIN dbjobs.failed_job AS f WITH (UPDLOCK, ROWLOCK, FORCESEEK) ON f.id = w.id;
BEGIN TRY
    SET IDENTITY_INSERT dbjobs.background_job ON;
    INSERT INTO dbjobs.background_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, created_at, created_by, user_id, request_type, command, request, request_body,
        response, response_body, state, executed_at, retry_limit, retry, on_failure, attempt, attempt_base,
        timeout_seconds, reply_to, error_code, error, errors, args, meta, trace_context
    )
    SELECT
        f.id, f.ref_id, f.parent_id, f.worker, f.queue, f.priority, f.tag, f.batch_id, f.callback,
        f.depends_on, f.depends_on_policy, f.created_at, f.created_by, f.user_id, f.request_type, f.command,
        f.request, f.request_body, f.response, f.response_body, N'queued', f.executed_at, f.retry_limit,
        f.retry, f.on_failure, f.attempt, f.attempt, f.timeout_seconds, f.reply_to, f.error_code, f.error,
        f.errors, f.args, f.meta, f.trace_context
    FROM @revived AS r
    JOIN dbjobs.failed_job AS f WITH (FORCESEEK) ON f.id = r.id AND f.created_at = r.created_at;
    SET IDENTITY_INSERT dbjobs.background_job OFF;
END TRY
BEGIN CATCH
    -- The setting belongs to the session, and the connection is used again.
    SET IDENTITY_INSERT dbjobs.background_job OFF;
    THROW;
END CATCH;
DELETE f
FROM @revived AS r
JOIN dbjobs.failed_job AS f WITH (ROWLOCK, FORCESEEK) ON f.id = r.id AND f.created_at = r.created_at;
UPDATE b
SET failed = b.failed - c.failed, cancelled = b.cancelled - c.cancelled
FROM (
    SELECT r.batch_id, SUM(CASE WHEN r.state = N'failed' THEN 1 ELSE 0 END) AS failed,
        SUM(CASE WHEN r.state = N'cancelled' THEN 1 ELSE 0 END) AS cancelled
    FROM @revived AS r
    WHERE r.batch_id IS NOT NULL
    GROUP BY r.batch_id
) AS c
JOIN dbjobs.job_batch AS b WITH (ROWLOCK, FORCESEEK) ON b.batch_id = c.batch_id;
SET @packed = (
    SELECT j.id, j.queue, j.priority, j.worker
    FROM @revived AS r
    JOIN dbjobs.background_job AS j WITH (FORCESEEK) ON j.id = r.id
    ORDER BY j.id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
