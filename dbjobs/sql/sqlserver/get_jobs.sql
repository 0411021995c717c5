-- CROSS APPLY: three seeks per id, never a walk through history. One JSON text: see claim_jobs.
--
-- READPAST: it does not wait for a locked job; its handler's own transaction may stay open. Such a job is then in
-- neither table, so we look for it once more, through the locks (NOLOCK). A job on its way to history shows as it was
-- before, without uncommitted changes. It may be in both tables: alive comes first.
DECLARE @ids nvarchar(max) = :ids, @packed nvarchar(max), @moving nvarchar(max);
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @found TABLE (id bigint NOT NULL);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;
SET @packed = (
    SELECT j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
        j.depends_on, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id, j.request_type,
        j.command, j.request, j.request_body, j.response_body, j.state, j.started_at, j.completed_at,
        j.retry_limit, j.attempt, j.duration_ms, j.timeout_seconds, j.progress, j.status, j.reply_to,
        j.error_code, j.error, j.errors, j.args, j.meta, j.cancel_requested_at, j.node_id
    FROM @wanted AS w
    CROSS APPLY (SELECT * FROM dbjobs.job AS job WITH (READPAST, READCOMMITTEDLOCK) WHERE job.id = w.id) AS j
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
INSERT INTO @found (id) SELECT f.id FROM OPENJSON(@packed) WITH (id bigint) AS f;  -- once: the text may be long
DELETE w FROM @wanted AS w WHERE EXISTS (SELECT 1 FROM @found AS f WHERE f.id = w.id);
IF EXISTS (SELECT 1 FROM @wanted)
BEGIN
    SET @moving = (
        SELECT j.id, j.ref_id, j.parent_id, j.worker, j.queue, j.priority, j.tag, j.batch_id, j.callback,
            j.depends_on, j.run_after, j.expires_at, j.created_at, j.created_by, j.user_id, j.request_type,
            j.command, j.request, j.request_body, CASE WHEN j.ended = 0 THEN j.response_body END AS response_body,
            CASE WHEN j.ended = 0 THEN j.state WHEN j.started_at IS NULL THEN N'queued' ELSE N'started' END AS state,
            j.started_at, CASE WHEN j.ended = 0 THEN j.completed_at END AS completed_at, j.retry_limit, j.attempt,
            CASE WHEN j.ended = 0 THEN j.duration_ms END AS duration_ms, j.timeout_seconds, j.progress, j.status,
            j.reply_to, CASE WHEN j.ended = 0 THEN j.error_code END AS error_code,
            CASE WHEN j.ended = 0 THEN j.error END AS error, j.errors, j.args, j.meta, j.cancel_requested_at, j.node_id
        FROM @wanted AS w
        CROSS APPLY (
            SELECT TOP (1) job.*, CASE
                WHEN job.state IN (N'completed', N'failed', N'cancelled') THEN 1 ELSE 0 END AS ended
            FROM dbjobs.job AS job WITH (NOLOCK)
            WHERE job.id = w.id
            ORDER BY ended
        ) AS j
        FOR JSON PATH, INCLUDE_NULL_VALUES
    );
    SET @packed = CASE
        WHEN @packed IS NULL THEN @moving
        WHEN @moving IS NULL THEN @packed
        ELSE CONCAT(LEFT(@packed, LEN(@packed) - 1), N',', SUBSTRING(@moving, 2, LEN(@moving)))
    END;
END;
SELECT @packed AS packed;
