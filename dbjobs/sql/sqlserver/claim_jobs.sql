-- Claims a batch of ready jobs without a named worker, for every queue in one round trip.
--
-- * background_job_ready serves it: a claim starts right behind the last claimed job. T-SQL cannot compare pairs, and
--   `priority > x OR (priority = x AND id > y)` would be a filter over everything claimed before; so there are two
--   seeks, one for the rest of that priority and one for those behind it.
-- * FORCE ORDER: it reads jobs in index order, and stops with the last one wanted. A plan that began with the commands
--   and sorted would lock every ready job.
-- * READPAST: it skips rows that another node is just claiming, and does not wait for them. READCOMMITTEDLOCK, because
--   a database with READ_COMMITTED_SNAPSHOT would read versions and refuse the hint.
-- * It reads `attempt` although the update could count by itself: that is not in the index, so the row itself is locked
--   (or skipped, if somebody else has locked it) inside the TOP. With a lock on the index entry alone the update might
--   have to wait.
-- * The update goes by primary key over the rows already locked. It takes its time then, not at the beginning: a job
--   that was promoted meanwhile must not have started before its time.
-- * An update lock on our own node row, to the end: bury_node locks the row exclusively (and skips it while we hold
--   it), so nobody can claim a job in the name of a buried node. Other nodes lock rows of their own.
-- * The rows come back as one JSON text: a driver fetches columns one by one, and on a busy event loop each fetch has
--   to wait for its turn.
DECLARE @node_id bigint = :node_id, @wanted nvarchar(max) = :wanted, @room int = :room;
DECLARE @commands nvarchar(max) = :commands;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max);
DECLARE @position int = -1, @queue nvarchar(510), @slots int, @after_priority int, @after_id bigint;
DECLARE @found int;
DECLARE @command TABLE (command nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
DECLARE @look TABLE (
    position        int NOT NULL PRIMARY KEY,
    queue           nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    slots           int NOT NULL,
    after_priority  int NOT NULL,
    after_id        bigint NOT NULL
);
DECLARE @claimed TABLE (id bigint NOT NULL PRIMARY KEY, attempt int NOT NULL);
INSERT INTO @command (command)
SELECT DISTINCT c.command COLLATE Latin1_General_100_BIN2
FROM OPENJSON(@commands) WITH (command nvarchar(510) '$') AS c;
INSERT INTO @look (position, queue, slots, after_priority, after_id)
SELECT CONVERT(int, item.[key]), w.queue, w.slots, w.after_priority, w.after_id
FROM OPENJSON(@wanted) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    queue nvarchar(510), slots int, after_priority int, after_id bigint
) AS w;

BEGIN TRANSACTION;
IF EXISTS (
    SELECT 1 FROM dbjobs.job_node WITH (UPDLOCK, ROWLOCK)
    WHERE id = @node_id AND lease_expires_at > SYSUTCDATETIME() AND buried = 0
)
-- It visits queues in the given order; the caller rotates that order at every claim.
WHILE @room > 0
BEGIN
    SELECT TOP (1) @position = position, @queue = queue, @after_priority = after_priority, @after_id = after_id,
        @slots = CASE WHEN slots < @room THEN slots ELSE @room END
    FROM @look
    WHERE position > @position
    ORDER BY position;
    IF @@ROWCOUNT = 0 BREAK;

    INSERT INTO @claimed (id, attempt)
    SELECT TOP (@slots) j.id, j.attempt
    FROM dbjobs.background_job AS j
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_ready))
    WHERE j.queue = @queue AND j.state = N'queued' AND j.worker IS NULL
      AND j.priority = @after_priority AND j.id > @after_id
      AND j.command IN (SELECT c.command FROM @command AS c)
      AND (j.expires_at IS NULL OR j.attempt > 0 OR j.expires_at > @now)
    ORDER BY j.priority, j.id
    OPTION (FORCE ORDER, LOOP JOIN, MAXDOP 1);
    SET @found = @@ROWCOUNT;
    SELECT @slots = @slots - @found, @room = @room - @found;
    IF @slots > 0
    BEGIN
        INSERT INTO @claimed (id, attempt)
        SELECT TOP (@slots) j.id, j.attempt
        FROM dbjobs.background_job AS j
            WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_ready))
        WHERE j.queue = @queue AND j.state = N'queued' AND j.worker IS NULL
          AND j.priority > @after_priority
          AND j.command IN (SELECT c.command FROM @command AS c)
          AND (j.expires_at IS NULL OR j.attempt > 0 OR j.expires_at > @now)
        ORDER BY j.priority, j.id
        OPTION (FORCE ORDER, LOOP JOIN, MAXDOP 1);
        SET @room = @room - @@ROWCOUNT;
    END;
END;
SET @now = SYSUTCDATETIME();
UPDATE j
SET state = N'started', node_id = @node_id, attempt = c.attempt + 1, started_at = @now, last_activity_at = @now,
    progress = NULL, status = NULL
FROM @claimed AS c
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = c.id;
SET @packed = (
    SELECT j.id, j.attempt, j.attempt_base, j.queue, j.worker, j.priority, j.command, j.request_type, j.request_body,
    j.response_body, j.executed_at, j.callback, j.retry_limit, j.retry, j.on_failure, j.timeout_seconds,
    j.created_at, j.ref_id, j.parent_id, j.batch_id, j.tag, j.user_id, j.created_by, j.reply_to, j.args,
    j.meta, j.trace_context, j.depends_on, j.has_dependents
    FROM @claimed AS c
    JOIN dbjobs.background_job AS j WITH (FORCESEEK, INDEX (background_job_pkey)) ON j.id = c.id
    ORDER BY j.priority, j.id
    FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
