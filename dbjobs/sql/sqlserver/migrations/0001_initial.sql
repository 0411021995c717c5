-- The first schema. In every file of this folder `dbjobs.` stands for the configured schema, and `dbjobs_history`
-- for the partition function and scheme. Those belong to the database, so they carry the schema's name.
--
-- * Text from drivers is NVARCHAR: an NVARCHAR parameter against a VARCHAR column reads the whole index. A job's
--   options have at most 255 characters, each of which may take two units.
-- * Keys have a binary collation: names differ by case, and order is the same on every server. Whatever the
--   collation, T-SQL ignores trailing blanks in comparisons: 'mail' and 'mail ' are one ref_id, one queue, one lane.
-- * Moments are UTC, from SYSUTCDATETIME().
-- * Locks on live tables never escalate to table locks (LOCK_ESCALATION = DISABLE): otherwise one enqueue of many jobs,
--   with 5,000 locks or more in a statement, would stop every claim.
-- * Writing filtered indexes needs QUOTED_IDENTIFIER and the ANSI settings on (open_connection.sql).

CREATE TABLE dbjobs.background_job (
    id                  bigint IDENTITY(1, 1) NOT NULL CONSTRAINT background_job_pkey PRIMARY KEY CLUSTERED,
    ref_id              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    parent_id           bigint,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'default',
    priority            int NOT NULL DEFAULT 0,
    tag                 nvarchar(510) COLLATE Latin1_General_100_BIN2,
    batch_id            nvarchar(510) COLLATE Latin1_General_100_BIN2,
    callback            nvarchar(510) COLLATE Latin1_General_100_BIN2,
    depends_on          nvarchar(max),
    depends_on_policy   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'completed',
    pending             int NOT NULL DEFAULT 0,     -- parents that have not ended yet
    unresolved          bit NOT NULL DEFAULT 0,     -- a waiting child whose parents are not all flagged yet
    has_dependents      bit NOT NULL DEFAULT 0,     -- set under the row's lock by resolve_children
    run_after           datetime2(6),
    expires_at          datetime2(6),
    created_at          datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    created_by          nvarchar(510),
    user_id             nvarchar(510) COLLATE Latin1_General_100_BIN2,
    request_type        nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'command',
    command             nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    request             nvarchar(max),
    request_body        nvarchar(max),
    response            nvarchar(max),
    response_body       nvarchar(max),
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'queued',
    started_at          datetime2(6),
    executed_at         datetime2(6),
    completed_at        datetime2(6),
    notified_at         datetime2(6),
    last_activity_at    datetime2(6),
    retry_limit         int NOT NULL DEFAULT 0,
    retry               nvarchar(max),
    on_failure          nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT N'block',
    attempt             int NOT NULL DEFAULT 0,     -- only counts up: it is part of the fence
    attempt_base        int NOT NULL DEFAULT 0,     -- tries used = attempt - attempt_base
    duration_ms         float,
    timeout_seconds     float NOT NULL DEFAULT 0,
    progress            float,
    status              nvarchar(max),
    reply_to            nvarchar(510),
    error_code          nvarchar(510),
    error               nvarchar(max),
    errors              nvarchar(max),
    args                nvarchar(max),
    meta                nvarchar(max),
    trace_context       nvarchar(max),
    cancel_requested_at datetime2(6),
    node_id             bigint
);
ALTER TABLE dbjobs.background_job SET (LOCK_ESCALATION = DISABLE);

-- Few indexes: a claim writes every index whose columns or filter it touches. Those are the ready or lane index (out)
-- and background_job_node (in).

-- Serves claim_jobs: equality on queue, then the claim order. Only ready rows. With the included columns a claim need
-- not read the rows of jobs that this node cannot run.
CREATE INDEX background_job_ready ON dbjobs.background_job (queue, priority, id)
    INCLUDE (command, expires_at) WHERE state = N'queued' AND worker IS NULL;
-- Serves claim_lanes: worker first, so that the next lane is one index probe away (skip scan).
CREATE INDEX background_job_lane ON dbjobs.background_job (worker, priority, id)
    INCLUDE (command, queue, expires_at) WHERE state = N'queued' AND worker IS NOT NULL;
-- Serves promote_jobs and next_due.
CREATE INDEX background_job_due ON dbjobs.background_job (run_after) WHERE state = N'scheduled';
-- Serves rescue: which jobs did this node hold?
CREATE INDEX background_job_node ON dbjobs.background_job (node_id) WHERE node_id IS NOT NULL;
-- Serves the heartbeat: which of my jobs should be cancelled?
CREATE INDEX background_job_cancel ON dbjobs.background_job (node_id) WHERE cancel_requested_at IS NOT NULL;
-- Serves find_expired: only jobs that never started, so that jobs in back-off do not slow the look.
CREATE INDEX background_job_expiry ON dbjobs.background_job (expires_at)
    WHERE expires_at IS NOT NULL AND attempt = 0;
-- Serves find_dependency_work: children whose parents do not know of them yet. Nearly always empty.
CREATE INDEX background_job_unresolved ON dbjobs.background_job (id) WHERE unresolved = 1;
-- Serves count_live, which has an index for each other state: it only ever holds jobs that wait for others. It does not
-- filter by state: while empty, it would look like the cheapest way to every row of that state.
CREATE INDEX background_job_waiting ON dbjobs.background_job (queue) WHERE pending > 0;
-- Serve cancel_many and, in the order of their pages, the lists by tag and batch.
CREATE INDEX background_job_batch ON dbjobs.background_job (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX background_job_tag ON dbjobs.background_job (tag, id) WHERE tag IS NOT NULL;

CREATE TABLE dbjobs.completed_job (
    id                  bigint NOT NULL,
    ref_id              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    parent_id           bigint,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority            int NOT NULL,
    tag                 nvarchar(510) COLLATE Latin1_General_100_BIN2,
    batch_id            nvarchar(510) COLLATE Latin1_General_100_BIN2,
    callback            nvarchar(510) COLLATE Latin1_General_100_BIN2,
    depends_on          nvarchar(max),
    depends_on_policy   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_after           datetime2(6),
    expires_at          datetime2(6),
    created_at          datetime2(6) NOT NULL,
    created_by          nvarchar(510),
    user_id             nvarchar(510) COLLATE Latin1_General_100_BIN2,
    request_type        nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command             nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    request             nvarchar(max),
    request_body        nvarchar(max),
    response            nvarchar(max),
    response_body       nvarchar(max),
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    started_at          datetime2(6),
    executed_at         datetime2(6),
    completed_at        datetime2(6) NOT NULL,
    notified_at         datetime2(6),
    last_activity_at    datetime2(6),
    retry_limit         int NOT NULL,
    retry               nvarchar(max),
    on_failure          nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    attempt             int NOT NULL,
    attempt_base        int NOT NULL,
    duration_ms         float,
    timeout_seconds     float NOT NULL,
    progress            float,
    status              nvarchar(max),
    reply_to            nvarchar(510),
    error_code          nvarchar(510),
    error               nvarchar(max),
    errors              nvarchar(max),
    args                nvarchar(max),
    meta                nvarchar(max),
    trace_context       nvarchar(max),
    cancel_requested_at datetime2(6),
    node_id             bigint
);

-- Failed and cancelled jobs, separate from the completed ones: people look for these.
CREATE TABLE dbjobs.failed_job (
    id                  bigint NOT NULL,
    ref_id              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    parent_id           bigint,
    worker              nvarchar(510) COLLATE Latin1_General_100_BIN2,
    queue               nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority            int NOT NULL,
    tag                 nvarchar(510) COLLATE Latin1_General_100_BIN2,
    batch_id            nvarchar(510) COLLATE Latin1_General_100_BIN2,
    callback            nvarchar(510) COLLATE Latin1_General_100_BIN2,
    depends_on          nvarchar(max),
    depends_on_policy   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_after           datetime2(6),
    expires_at          datetime2(6),
    created_at          datetime2(6) NOT NULL,
    created_by          nvarchar(510),
    user_id             nvarchar(510) COLLATE Latin1_General_100_BIN2,
    request_type        nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command             nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    request             nvarchar(max),
    request_body        nvarchar(max),
    response            nvarchar(max),
    response_body       nvarchar(max),
    state               nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    started_at          datetime2(6),
    executed_at         datetime2(6),
    completed_at        datetime2(6) NOT NULL,
    notified_at         datetime2(6),
    last_activity_at    datetime2(6),
    retry_limit         int NOT NULL,
    retry               nvarchar(max),
    on_failure          nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    attempt             int NOT NULL,
    attempt_base        int NOT NULL,
    duration_ms         float,
    timeout_seconds     float NOT NULL,
    progress            float,
    status              nvarchar(max),
    reply_to            nvarchar(510),
    error_code          nvarchar(510),
    error               nvarchar(max),
    errors              nvarchar(max),
    args                nvarchar(max),
    meta                nvarchar(max),
    trace_context       nvarchar(max),
    cancel_requested_at datetime2(6),
    node_id             bigint
);

CREATE TABLE dbjobs.job_log (
    id              bigint IDENTITY(1, 1) NOT NULL,
    job_id          bigint NOT NULL,
    job_created_at  datetime2(6) NOT NULL,      -- the partition key: a job's log leaves with the job
    attempt         int NOT NULL,
    at              datetime2(6) NOT NULL,
    level           nvarchar(20) NOT NULL,
    message         nvarchar(max) NOT NULL
);

-- Months that history has a place for, as numbers (202607). A transaction that writes to a month holds its row here, so
-- retention cannot drop a month during a write.
CREATE TABLE dbjobs.history_month (month int NOT NULL CONSTRAINT history_month_pkey PRIMARY KEY);

-- In which months did jobs of an older month end? Retention goes by the end: a job that waited longer than history
-- is kept still has its result for that long. Finishes and cancellations append a pair when it is new. Two at once
-- may append it twice: there is no key on which one would have to wait.
CREATE TABLE dbjobs.late_end (created_month int NOT NULL, ended_month int NOT NULL);
CREATE CLUSTERED INDEX late_end_month ON dbjobs.late_end (created_month, ended_month);

-- One row: is the history split into partitions?
CREATE TABLE dbjobs.history_layout (partitioned bit NOT NULL);

-- One row per running process, with a new id at every start, so it is never mistaken for an old one.
CREATE TABLE dbjobs.job_node (
    id                  bigint IDENTITY(1, 1) NOT NULL CONSTRAINT job_node_pkey PRIMARY KEY,
    name                nvarchar(510) NOT NULL,
    started_at          datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    last_seen_at        datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    lease_expires_at    datetime2(6) NOT NULL,
    buried              bit NOT NULL DEFAULT 0,     -- others take over its jobs: the lease is never renewed again
    info                nvarchar(max) NOT NULL
);

-- A row is a lane that nobody else may take: held by a node, or blocked until a retry is due. (A clustered key may
-- have 900 bytes, another one 1,700: so keys of names are not clustered.)
CREATE TABLE dbjobs.job_worker (
    worker      nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL
                CONSTRAINT job_worker_pkey PRIMARY KEY NONCLUSTERED,
    node_id     bigint,
    blocked_by  bigint,
    CONSTRAINT job_worker_taken CHECK (
        (node_id IS NULL AND blocked_by IS NOT NULL) OR (node_id IS NOT NULL AND blocked_by IS NULL)
    )
);
ALTER TABLE dbjobs.job_worker SET (LOCK_ESCALATION = DISABLE);
CREATE INDEX job_worker_node ON dbjobs.job_worker (node_id) WHERE node_id IS NOT NULL;
CREATE INDEX job_worker_blocked ON dbjobs.job_worker (blocked_by) WHERE blocked_by IS NOT NULL;

CREATE TABLE dbjobs.job_queue (
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL
                CONSTRAINT job_queue_pkey PRIMARY KEY NONCLUSTERED,
    paused      bit NOT NULL DEFAULT 0,
    concurrency int                     -- over one node; NULL: as the node was started
);
-- Serve list_queue_settings: there may be a queue per tenant, and few have settings.
CREATE INDEX job_queue_paused ON dbjobs.job_queue (queue) INCLUDE (concurrency) WHERE paused = 1;
CREATE INDEX job_queue_limited ON dbjobs.job_queue (queue) INCLUDE (paused, concurrency)
    WHERE paused = 0 AND concurrency IS NOT NULL;

-- The idempotency key, unique over live jobs and history: one table for both, because an index of the history could be
-- unique only within a month. A key leaves with the month of its job (forget_refs), so the table is in that order.
-- Only the index on the key itself is unique, and nothing is ever updated: an insert waits only for another open
-- transaction with the very same key.
CREATE TABLE dbjobs.job_ref (
    ref_id      nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL
                CONSTRAINT job_ref_pkey PRIMARY KEY NONCLUSTERED,
    job_id      bigint NOT NULL,
    month       int NOT NULL            -- 202607: of the job's created_at, UTC
);
CREATE CLUSTERED INDEX job_ref_month ON dbjobs.job_ref (month, job_id);
ALTER TABLE dbjobs.job_ref SET (LOCK_ESCALATION = DISABLE);

-- Which job waits for which. A row goes once the child has been told of the parent's end, or has ended itself.
CREATE TABLE dbjobs.job_dependency (
    parent_id   bigint NOT NULL,
    child_id    bigint NOT NULL,
    CONSTRAINT job_dependency_pkey PRIMARY KEY (parent_id, child_id)
);
ALTER TABLE dbjobs.job_dependency SET (LOCK_ESCALATION = DISABLE);
CREATE INDEX job_dependency_child ON dbjobs.job_dependency (child_id);

-- Ended parents with children that must still be told. Written with the parent's end, so releasing the children needs
-- no lock of that transaction, and any node can do it.
CREATE TABLE dbjobs.ended_parent (
    parent_id   bigint NOT NULL CONSTRAINT ended_parent_pkey PRIMARY KEY,
    state       nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL
);
ALTER TABLE dbjobs.ended_parent SET (LOCK_ESCALATION = DISABLE);

-- What happened to a batch, in append-only rows: nobody waits for the row of a batch. Now and then fold_batches
-- replaces the rows of a batch by one; the batch is the sum of its rows.
CREATE TABLE dbjobs.job_batch (
    id          bigint IDENTITY(1, 1) NOT NULL CONSTRAINT job_batch_pkey PRIMARY KEY CLUSTERED,
    batch_id    nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    created_at  datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    changed_at  datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    total       bigint NOT NULL DEFAULT 0,
    completed   bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    cancelled   bigint NOT NULL DEFAULT 0,
    folded      bit NOT NULL DEFAULT 0
);
ALTER TABLE dbjobs.job_batch SET (LOCK_ESCALATION = DISABLE);
-- Serves get_batch, without reading the rows.
CREATE INDEX job_batch_batch ON dbjobs.job_batch (batch_id)
    INCLUDE (created_at, changed_at, total, completed, failed, cancelled, folded);
-- Serves fold_batches: only rows that are not folded yet.
CREATE INDEX job_batch_loose ON dbjobs.job_batch (batch_id) WHERE folded = 0;
-- Serves drop_batches. (A filter cannot compare two columns, so it says nothing about whether all jobs have ended.)
CREATE INDEX job_batch_over ON dbjobs.job_batch (changed_at)
    INCLUDE (batch_id, total, completed, failed, cancelled) WHERE folded = 1;

-- Roll-ups, written with the outcomes. The counter is part of the key (the id of a node for its finisher, for everybody
-- else a random negative number of their process; 0: folded, all counters together). The key is not unique: a writer
-- that finds its row locked by another transaction of its process adds one more, and nobody waits. Readers add up.
CREATE TABLE dbjobs.job_stat (
    id          bigint IDENTITY(1, 1) NOT NULL,
    minute      datetime2(0) NOT NULL,
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command     nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    counter     bigint NOT NULL,
    completed   bigint NOT NULL DEFAULT 0,
    failed      bigint NOT NULL DEFAULT 0,
    cancelled   bigint NOT NULL DEFAULT 0,
    retried     bigint NOT NULL DEFAULT 0,
    duration_ms float NOT NULL DEFAULT 0,
    CONSTRAINT job_stat_pkey PRIMARY KEY CLUSTERED (minute, id)
);
ALTER TABLE dbjobs.job_stat SET (LOCK_ESCALATION = DISABLE);
CREATE INDEX job_stat_key ON dbjobs.job_stat (minute, counter, queue, command);
GO

-- The text in a JSON array of one. OPENJSON would give it, too, but Babelfish leaves its escapes in and cuts it off at
-- 4,000 characters. We mark an escaped backslash by a control character behind it: JSON has control characters only as
-- escapes, so only this mark puts a bare backslash before one. Every step names its collation: a database collation
-- with supplementary characters (_SC, _140) counts positions differently.
CREATE FUNCTION dbjobs.json_text (@json nvarchar(max)) RETURNS nvarchar(max)
WITH SCHEMABINDING, RETURNS NULL ON NULL INPUT
AS
BEGIN
    DECLARE @text nvarchar(max) = SUBSTRING(@json, 3, LEN(@json) - 4), @at int;
    DECLARE @digits nchar(16) = N'0123456789abcdef', @hex nchar(2);
    IF CHARINDEX(N'\', @text COLLATE Latin1_General_100_BIN2) = 0
        RETURN @text;
    SET @text = REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(REPLACE(
        @text COLLATE Latin1_General_100_BIN2,
        N'\\', N'\' + NCHAR(1)), N'\"', N'"'), N'\/', N'/'), N'\n', NCHAR(10)), N'\r', NCHAR(13)), N'\t', NCHAR(9)),
        N'\b', NCHAR(8)), N'\f', NCHAR(12));
    SET @at = CHARINDEX(N'\u00', @text COLLATE Latin1_General_100_BIN2);
    WHILE @at > 0
    BEGIN
        SET @hex = SUBSTRING(@text COLLATE Latin1_General_100_BIN2, @at + 4, 2);
        SET @text = STUFF(@text COLLATE Latin1_General_100_BIN2, @at, 6, NCHAR(
            (CHARINDEX(LOWER(LEFT(@hex, 1)), @digits) - 1) * 16 + CHARINDEX(LOWER(RIGHT(@hex, 1)), @digits) - 1
        ));
        SET @at = CHARINDEX(N'\u00', @text COLLATE Latin1_General_100_BIN2, @at);
    END;
    RETURN REPLACE(@text COLLATE Latin1_General_100_BIN2, N'\' + NCHAR(1), N'\');
END;
GO

-- Every job, whole. It shows `executed` while only the callback is outstanding.
CREATE VIEW dbjobs.job AS
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body, response_body,
    CASE WHEN executed_at IS NOT NULL THEN N'executed' ELSE state END AS state, started_at, completed_at,
    retry_limit, attempt, duration_ms, timeout_seconds, progress, status, reply_to, error_code, error, errors,
    args, meta, cancel_requested_at, node_id
FROM dbjobs.background_job
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body, response_body,
    state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds, progress, status,
    reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs.completed_job
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body, response_body,
    state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds, progress, status,
    reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs.failed_job;
GO

-- The short columns, for lists.
CREATE VIEW dbjobs.job_summary AS
SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
    run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
FROM dbjobs.job;
GO

-- History is partitioned by the month of a job's created_at if the server can do it (Babelfish cannot) and this role
-- may. The primary keys decide: indexes made after them are aligned, otherwise no partition could be truncated. The
-- partition key must be part of them. Ids come in order, so inserts go to the right-most page.
DECLARE @partitioned bit = CASE
    WHEN SERVERPROPERTY('Babelfish') IS NULL AND HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'ALTER ANY DATASPACE') = 1
    THEN 1 ELSE 0
END;
DECLARE @on_jobs nvarchar(200) = N'', @on_logs nvarchar(200) = N'';
INSERT INTO dbjobs.history_layout (partitioned) VALUES (@partitioned);
IF @partitioned = 1
BEGIN
    EXEC (N'CREATE PARTITION FUNCTION dbjobs_history (datetime2(6)) AS RANGE RIGHT FOR VALUES ()');
    EXEC (N'CREATE PARTITION SCHEME dbjobs_history AS PARTITION dbjobs_history ALL TO ([PRIMARY])');
    SET @on_jobs = N' ON dbjobs_history (created_at)';
    SET @on_logs = N' ON dbjobs_history (job_created_at)';
END;
EXEC (N'ALTER TABLE dbjobs.completed_job ADD CONSTRAINT completed_job_pkey PRIMARY KEY CLUSTERED (id, created_at)'
    + @on_jobs);
EXEC (N'ALTER TABLE dbjobs.failed_job ADD CONSTRAINT failed_job_pkey PRIMARY KEY CLUSTERED (id, created_at)'
    + @on_jobs);
EXEC (N'ALTER TABLE dbjobs.job_log ADD CONSTRAINT job_log_pkey PRIMARY KEY CLUSTERED (job_id, id, job_created_at)'
    + @on_logs);
SELECT N'the history of jobs is kept in one partition: this server cannot split it, or this role lacks ALTER '
    + N'ANY DATASPACE; retention will delete the rows of a month one by one' AS warning
WHERE @partitioned = 0;
GO

ALTER TABLE dbjobs.completed_job SET (LOCK_ESCALATION = DISABLE);
ALTER TABLE dbjobs.failed_job SET (LOCK_ESCALATION = DISABLE);
ALTER TABLE dbjobs.job_log SET (LOCK_ESCALATION = DISABLE);
CREATE INDEX completed_job_batch ON dbjobs.completed_job (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX completed_job_tag ON dbjobs.completed_job (tag, id) WHERE tag IS NOT NULL;
CREATE INDEX failed_job_batch ON dbjobs.failed_job (batch_id, id) WHERE batch_id IS NOT NULL;
CREATE INDEX failed_job_tag ON dbjobs.failed_job (tag, id) WHERE tag IS NOT NULL;
