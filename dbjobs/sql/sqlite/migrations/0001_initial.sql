-- The first schema. In every file of this folder `dbjobs_` stands for the configured schema, as a prefix.
--
-- This file holds live jobs and, for a moment, jobs that have just ended. The history is in one file per
-- month beside it (make_partition.sql), so that retention removes a file and is never a DELETE.
-- Times are text in UTC, 'YYYY-MM-DD HH:MM:SS.mmm', which compares as text; booleans are 0 and 1.

CREATE TABLE dbjobs_background_job (
    -- AUTOINCREMENT: without it SQLite could reuse the number of a job that has moved to history.
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    ref_id              TEXT,
    parent_id           INTEGER,
    worker              TEXT,
    queue               TEXT NOT NULL DEFAULT 'default',
    priority            INTEGER NOT NULL DEFAULT 0,
    tag                 TEXT,
    batch_id            TEXT,
    callback            TEXT,
    depends_on          TEXT,
    depends_on_policy   TEXT NOT NULL DEFAULT 'completed',
    pending             INTEGER NOT NULL DEFAULT 0,      -- parents that have not ended yet
    unresolved          INTEGER NOT NULL DEFAULT 0,      -- a waiting child whose parents are not all flagged yet
    has_dependents      INTEGER NOT NULL DEFAULT 0,      -- set by resolve_children
    run_after           TEXT,
    expires_at          TEXT,
    created_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    created_by          TEXT,
    user_id             TEXT,
    request_type        TEXT NOT NULL DEFAULT 'command',
    command             TEXT NOT NULL,
    request             TEXT,
    request_body        TEXT,
    response            TEXT,
    response_body       TEXT,
    state               TEXT NOT NULL DEFAULT 'queued',
    started_at          TEXT,
    executed_at         TEXT,
    completed_at        TEXT,
    notified_at         TEXT,
    last_activity_at    TEXT,
    retry_limit         INTEGER NOT NULL DEFAULT 0,
    retry               TEXT,
    on_failure          TEXT NOT NULL DEFAULT 'block',
    attempt             INTEGER NOT NULL DEFAULT 0,      -- only counts up: it is part of the fence
    attempt_base        INTEGER NOT NULL DEFAULT 0,      -- tries used = attempt - attempt_base
    duration_ms         REAL,
    timeout_seconds     REAL NOT NULL DEFAULT 0,
    progress            REAL,
    status              TEXT,
    reply_to            TEXT,
    error_code          TEXT,
    error               TEXT,
    errors              TEXT,
    args                TEXT,
    meta                TEXT,
    trace_context       TEXT,
    cancel_requested_at TEXT,
    node_id             INTEGER
) STRICT;

-- Every index ends with the rowid, which is the id, so we need not name it.

-- Serves claim_jobs: equality on queue, then the claim order. Only ready rows.
CREATE INDEX dbjobs_background_job_ready ON dbjobs_background_job (queue, priority)
    WHERE state = 'queued' AND worker IS NULL;
-- Serves claim_lanes: worker first, so that the next lane is one index probe away (skip scan).
CREATE INDEX dbjobs_background_job_lane ON dbjobs_background_job (worker, priority)
    WHERE state = 'queued' AND worker IS NOT NULL;
-- Serves promote_jobs and next_due.
CREATE INDEX dbjobs_background_job_due ON dbjobs_background_job (run_after)
    WHERE state = 'scheduled';
-- Serves rescue: which jobs did this node hold?
CREATE INDEX dbjobs_background_job_node ON dbjobs_background_job (node_id)
    WHERE node_id IS NOT NULL;
-- Serves the heartbeat: which of my jobs should be cancelled?
CREATE INDEX dbjobs_background_job_cancel ON dbjobs_background_job (node_id)
    WHERE cancel_requested_at IS NOT NULL;
-- Serves find_expired: only jobs that never started, so that jobs in back-off do not slow the look.
CREATE INDEX dbjobs_background_job_expiry ON dbjobs_background_job (expires_at)
    WHERE expires_at IS NOT NULL AND attempt = 0;
-- Serves find_dependency_work: children whose parents do not know of them yet. Nearly always empty.
CREATE INDEX dbjobs_background_job_unresolved ON dbjobs_background_job (unresolved) WHERE unresolved = 1;
-- Serves count_live, which has an index for each other state: it only ever holds jobs that wait for others. It does not
-- filter by state: while empty, it would look like the cheapest way to every row of that state.
CREATE INDEX dbjobs_background_job_waiting ON dbjobs_background_job (queue) WHERE pending > 0;
-- Serve cancel_many and the lists by tag and batch (the row's id comes last in every index).
CREATE INDEX dbjobs_background_job_batch ON dbjobs_background_job (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX dbjobs_background_job_tag ON dbjobs_background_job (tag) WHERE tag IS NOT NULL;

-- Ended jobs that wait to be copied to the file of their month. A transaction over two files is not
-- atomic in WAL mode, but one over two tables is: a job is always in exactly one of these two tables, whatever
-- crashes, and the copy can be repeated. Small: emptied every few thousand jobs, and when the writer is idle.
CREATE TABLE dbjobs_finished_job (
    id                  INTEGER PRIMARY KEY,
    ref_id              TEXT,
    parent_id           INTEGER,
    worker              TEXT,
    queue               TEXT NOT NULL,
    priority            INTEGER NOT NULL,
    tag                 TEXT,
    batch_id            TEXT,
    callback            TEXT,
    depends_on          TEXT,
    depends_on_policy   TEXT NOT NULL,
    run_after           TEXT,
    expires_at          TEXT,
    created_at          TEXT NOT NULL,
    created_by          TEXT,
    user_id             TEXT,
    request_type        TEXT NOT NULL,
    command             TEXT NOT NULL,
    request             TEXT,
    request_body        TEXT,
    response            TEXT,
    response_body       TEXT,
    state               TEXT NOT NULL,
    started_at          TEXT,
    executed_at         TEXT,
    completed_at        TEXT NOT NULL,
    notified_at         TEXT,
    last_activity_at    TEXT,
    retry_limit         INTEGER NOT NULL,
    retry               TEXT,
    on_failure          TEXT NOT NULL,
    attempt             INTEGER NOT NULL,
    attempt_base        INTEGER NOT NULL,
    duration_ms         REAL,
    timeout_seconds     REAL NOT NULL,
    progress            REAL,
    status              TEXT,
    reply_to            TEXT,
    error_code          TEXT,
    error               TEXT,
    errors              TEXT,
    args                TEXT,
    meta                TEXT,
    trace_context       TEXT,
    cancel_requested_at TEXT,
    node_id             INTEGER
) STRICT;

-- Log lines on the same way. AUTOINCREMENT: a line keeps its number in the file of its month.
CREATE TABLE dbjobs_job_log (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id              INTEGER NOT NULL,
    job_created_at      TEXT NOT NULL,      -- decides the month: a job's log leaves with the job
    attempt             INTEGER NOT NULL,
    at                  TEXT NOT NULL,
    level               TEXT NOT NULL,
    message             TEXT NOT NULL
) STRICT;
CREATE INDEX dbjobs_job_log_job ON dbjobs_job_log (job_id);

-- The range of ids in each month's file, kept up to date by the copying: a look for a job opens one or two files, not
-- all of them. It may include too much (jobs that came back to life), never too little.
CREATE TABLE dbjobs_month_range (
    month               TEXT PRIMARY KEY,
    first_id            INTEGER NOT NULL,
    last_id             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- In which months did jobs of an older month end? Retention goes by the end: a job that waited longer than history
-- is kept still has its result for that long. The copying keeps it up to date.
CREATE TABLE dbjobs_late_end (
    created_month       TEXT NOT NULL,
    ended_month         TEXT NOT NULL,
    PRIMARY KEY (created_month, ended_month)
) STRICT, WITHOUT ROWID;

-- Jobs that came back to life: their rows must still be removed from the file of their month.
CREATE TABLE dbjobs_requeued_job (
    id                  INTEGER PRIMARY KEY,
    created_at          TEXT NOT NULL
) STRICT;

-- The idempotency key, unique over live jobs and history: it tells that a key is taken without opening a month's file.
-- It leaves with the month of its job (forget_refs).
CREATE TABLE dbjobs_job_ref (
    ref_id              TEXT PRIMARY KEY,
    job_id              INTEGER NOT NULL,
    month               TEXT NOT NULL       -- 'YYYYMM' of the job's created_at, UTC
) STRICT, WITHOUT ROWID;
CREATE INDEX dbjobs_job_ref_month ON dbjobs_job_ref (month);

-- A row is a lane that nobody else may take: held by a node, or blocked until a retry is due.
CREATE TABLE dbjobs_job_worker (
    worker              TEXT PRIMARY KEY,
    node_id             INTEGER,
    blocked_by          INTEGER,
    CHECK ((node_id IS NULL) <> (blocked_by IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX dbjobs_job_worker_node ON dbjobs_job_worker (node_id) WHERE node_id IS NOT NULL;
CREATE INDEX dbjobs_job_worker_blocked ON dbjobs_job_worker (blocked_by) WHERE blocked_by IS NOT NULL;

CREATE TABLE dbjobs_job_queue (
    queue               TEXT PRIMARY KEY,
    paused              INTEGER NOT NULL DEFAULT 0,
    concurrency         INTEGER             -- over one node; NULL: as the node was started
) STRICT, WITHOUT ROWID;
-- Serves list_queue_settings: there may be a queue per tenant, and few have settings.
CREATE INDEX dbjobs_job_queue_settings ON dbjobs_job_queue (queue) WHERE paused OR concurrency IS NOT NULL;

-- Which job waits for which. A row goes once the child has been told of the parent's end.
CREATE TABLE dbjobs_job_dependency (
    parent_id           INTEGER NOT NULL,
    child_id            INTEGER NOT NULL,
    PRIMARY KEY (parent_id, child_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dbjobs_job_dependency_child ON dbjobs_job_dependency (child_id);

-- Ended parents with children that must still be told. Written with the parent's end; any node can release the
-- children, some at a time.
CREATE TABLE dbjobs_ended_parent (
    parent_id           INTEGER PRIMARY KEY,
    state               TEXT NOT NULL
) STRICT;

-- What happened to a batch, in append-only rows. Now and then fold_batches replaces the rows of a batch by one; the
-- batch is the sum of its rows.
CREATE TABLE dbjobs_job_batch (
    id                  INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id            TEXT NOT NULL,
    created_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    changed_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    total               INTEGER NOT NULL DEFAULT 0,
    completed           INTEGER NOT NULL DEFAULT 0,
    failed              INTEGER NOT NULL DEFAULT 0,
    cancelled           INTEGER NOT NULL DEFAULT 0,
    folded              INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Serves get_batch.
CREATE INDEX dbjobs_job_batch_batch ON dbjobs_job_batch (batch_id);
-- Serves fold_batches: only rows that are not folded yet.
CREATE INDEX dbjobs_job_batch_loose ON dbjobs_job_batch (batch_id) WHERE folded = 0;
-- Serves drop_batches.
CREATE INDEX dbjobs_job_batch_over ON dbjobs_job_batch (changed_at)
    WHERE folded = 1 AND total <= completed + failed + cancelled;

-- Roll-ups, written with the outcomes. `counter` says who counts: a node, or another process by its own number.
-- 0: folded, all counters together.
CREATE TABLE dbjobs_job_stat (
    minute              TEXT NOT NULL,
    queue               TEXT NOT NULL,
    command             TEXT NOT NULL,
    counter             INTEGER NOT NULL,
    completed           INTEGER NOT NULL DEFAULT 0,
    failed              INTEGER NOT NULL DEFAULT 0,
    cancelled           INTEGER NOT NULL DEFAULT 0,
    retried             INTEGER NOT NULL DEFAULT 0,
    duration_ms         REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (minute, queue, command, counter)
) STRICT, WITHOUT ROWID;

-- Every job in this file, whole; each month's file has a view with the same columns. It shows `executed` while
-- only the callback is outstanding. The CAST gives that column the type of the other table: without it SQLite would
-- read both tables whole before it applies a condition on the view.
CREATE VIEW dbjobs_job AS
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body,
    CAST(CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS TEXT) AS state,
    started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_background_job
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_finished_job;

-- The short columns, for lists.
CREATE VIEW dbjobs_job_summary AS
SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
    run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
FROM dbjobs_job;
