-- Brings failed or cancelled jobs back under their own id, with a fresh set of tries. The attempt number goes on
-- counting: it is part of the fence. With :as_they_were a job that was waiting when it was cancelled comes back as it
-- was: not before its time, expiring at its time, without the cancellation as its error. Writing one's own id takes
-- ALTER on the table.
--
-- * One batch with its own commit. READPAST: a job with an uncommitted end, or one that somebody else is just reviving,
--   yields nothing.
-- * A job waits again for those of its parents that are alive now (NOLOCK: also those that are
--   changing; resolve_children finds out), including the ones that this call revives: it comes back waiting and
--   unresolved. Not if its body is done and only the callback is left. Edges of its former life go.
-- * If its last end has not reached all its children yet (ended_parent), we take that back: they wait for its next end.
-- * We insert the row here before we delete it there: find_parents and resolve_children look in that order. And we
--   delete it there before we touch edges: cancel_jobs, which deletes those of jobs that have just ended, holds it.
-- * One more row counts the batch down. The ref_id stays where it is, in job_ref.
DECLARE @ids nvarchar(max) = :ids, @packed nvarchar(max), @as_they_were bit = :as_they_were;
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @revived TABLE (
    id          bigint NOT NULL PRIMARY KEY,
    created_at  datetime2(6) NOT NULL,
    state       nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    batch_id    nvarchar(510) COLLATE Latin1_General_100_BIN2
);
DECLARE @edge TABLE (child_id bigint NOT NULL, parent_id bigint NOT NULL, PRIMARY KEY (child_id, parent_id));
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @revived (id, created_at, state, batch_id)
SELECT f.id, f.created_at, f.state, f.batch_id
FROM @wanted AS w
JOIN dbjobs.failed_job AS f WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK) ON f.id = w.id;
INSERT INTO @edge (child_id, parent_id)
SELECT DISTINCT r.id, p.id
FROM @revived AS r
JOIN dbjobs.failed_job AS f WITH (FORCESEEK) ON f.id = r.id AND f.created_at = r.created_at
CROSS APPLY OPENJSON(f.depends_on) WITH (id bigint '$') AS p
CROSS APPLY (
    SELECT too.id FROM @revived AS too WHERE too.id = p.id
    UNION ALL
    SELECT j.id
    FROM dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey))
    WHERE j.id = p.id
) AS alive
WHERE f.executed_at IS NULL;
BEGIN TRY
    SET IDENTITY_INSERT dbjobs.background_job ON;
    INSERT INTO dbjobs.background_job (
        id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on,
        depends_on_policy, pending, unresolved, has_dependents, run_after, expires_at, created_at, created_by, user_id,
        request_type, command, request, request_body, response, response_body, state, executed_at, retry_limit, retry,
        on_failure, attempt, attempt_base, timeout_seconds, reply_to, error_code, error, errors, args, meta,
        trace_context
    )
    SELECT
        f.id, f.ref_id, f.parent_id, f.worker, f.queue, f.priority, f.tag, f.batch_id, f.callback,
        f.depends_on, f.depends_on_policy, COALESCE(p.parents, 0), CASE WHEN p.child_id IS NULL THEN 0 ELSE 1 END,
        CASE
            WHEN EXISTS (SELECT 1 FROM dbjobs.job_dependency AS d WITH (NOLOCK, FORCESEEK) WHERE d.parent_id = r.id)
            THEN 1 ELSE 0
        END,
        CASE WHEN @as_they_were = 1 THEN f.run_after END, CASE WHEN @as_they_were = 1 THEN f.expires_at END,
        f.created_at, f.created_by, f.user_id, f.request_type, f.command, f.request, f.request_body, f.response,
        f.response_body,
        CASE
            WHEN p.child_id IS NOT NULL THEN N'waiting'
            WHEN @as_they_were = 1 AND f.run_after > SYSUTCDATETIME() THEN N'scheduled'
            ELSE N'queued'
        END, f.executed_at, f.retry_limit, f.retry, f.on_failure, f.attempt, f.attempt, f.timeout_seconds, f.reply_to,
        CASE WHEN @as_they_were = 0 THEN f.error_code END, CASE WHEN @as_they_were = 0 THEN f.error END, f.errors,
        f.args, f.meta, f.trace_context
    FROM @revived AS r
    JOIN dbjobs.failed_job AS f WITH (FORCESEEK) ON f.id = r.id AND f.created_at = r.created_at
    LEFT JOIN (SELECT e.child_id, COUNT(*) AS parents FROM @edge AS e GROUP BY e.child_id) AS p ON p.child_id = r.id;
    SET IDENTITY_INSERT dbjobs.background_job OFF;
END TRY
BEGIN CATCH
    -- The setting belongs to the session, and we reuse the connection.
    SET IDENTITY_INSERT dbjobs.background_job OFF;
    THROW;
END CATCH;
DELETE f
FROM @revived AS r
JOIN dbjobs.failed_job AS f WITH (ROWLOCK, FORCESEEK) ON f.id = r.id AND f.created_at = r.created_at;
DELETE d
FROM @revived AS r
JOIN dbjobs.job_dependency AS d WITH (ROWLOCK, FORCESEEK, INDEX (job_dependency_child)) ON d.child_id = r.id;
DELETE e
FROM @revived AS r
JOIN dbjobs.ended_parent AS e WITH (ROWLOCK, FORCESEEK) ON e.parent_id = r.id;
INSERT INTO dbjobs.job_dependency (parent_id, child_id) SELECT e.parent_id, e.child_id FROM @edge AS e;
INSERT INTO dbjobs.job_batch (batch_id, failed, cancelled)
SELECT r.batch_id, -SUM(CASE WHEN r.state = N'failed' THEN 1 ELSE 0 END),
    -SUM(CASE WHEN r.state = N'cancelled' THEN 1 ELSE 0 END)
FROM @revived AS r
WHERE r.batch_id IS NOT NULL
GROUP BY r.batch_id;
SET @packed = (
    SELECT j.id, j.queue, j.priority, j.worker, j.state
    FROM @revived AS r
    JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = r.id
    ORDER BY j.id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
