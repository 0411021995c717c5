-- The first schema, for MySQL and MariaDB. In every file of this folder `dbjobs_` stands for the configured prefix, and
-- {bytewise} for the server's collation that compares texts byte by byte, trailing blanks included.
--
-- Live tables are small and hot; history is append-only and split by month of the job's created_at, so that
-- retention is a DROP PARTITION and never a DELETE. DDL commits at once here: every statement can run again
-- after a crash in the middle. JSON is LONGTEXT: kept to the byte, cheap to write, and the same on both servers.

CREATE TABLE IF NOT EXISTS dbjobs_background_job (
    id                  BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    ref_id              VARCHAR(255),
    parent_id           BIGINT,
    worker              VARCHAR(255),
    queue               VARCHAR(255) NOT NULL DEFAULT 'default',
    priority            INT NOT NULL DEFAULT 0,
    tag                 VARCHAR(255),
    batch_id            VARCHAR(255),
    callback            VARCHAR(255),
    depends_on          LONGTEXT,
    depends_on_policy   VARCHAR(20) NOT NULL DEFAULT 'completed',
    pending             INT NOT NULL DEFAULT 0,              -- parents that have not ended yet
    unresolved          TINYINT NOT NULL DEFAULT 0,          -- some parents do not know yet that it waits
    has_dependents      TINYINT NOT NULL DEFAULT 0,          -- set under the row's lock by resolve_children
    run_after           DATETIME(6),
    expires_at          DATETIME(6),
    created_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    created_by          VARCHAR(255),
    user_id             VARCHAR(255),
    request_type        VARCHAR(20) NOT NULL DEFAULT 'command',
    command             VARCHAR(255) NOT NULL,
    request             VARCHAR(255),
    request_body        LONGTEXT,
    response            VARCHAR(255),
    response_body       LONGTEXT,
    state               VARCHAR(20) NOT NULL DEFAULT 'queued',
    started_at          DATETIME(6),
    executed_at         DATETIME(6),
    completed_at        DATETIME(6),
    notified_at         DATETIME(6),
    last_activity_at    DATETIME(6),
    retry_limit         INT NOT NULL DEFAULT 0,
    retry               LONGTEXT,
    on_failure          VARCHAR(20) NOT NULL DEFAULT 'block',
    attempt             INT NOT NULL DEFAULT 0,              -- only counts up: it is part of the fence
    attempt_base        INT NOT NULL DEFAULT 0,              -- tries used = attempt - attempt_base
    duration_ms         DOUBLE,
    timeout_seconds     DOUBLE NOT NULL DEFAULT 0,
    progress            DOUBLE,
    status              LONGTEXT,
    reply_to            VARCHAR(255),
    error_code          VARCHAR(255),
    error               LONGTEXT,
    errors              LONGTEXT,
    args                LONGTEXT,
    meta                LONGTEXT,
    trace_context       LONGTEXT,
    cancel_requested_at DATETIME(6),
    node_id             BIGINT,
    -- Which line the row stands in, and where. There are no partial indexes here, and each further index costs every
    -- job two writes. So one index serves the claims of free jobs ('q:queue'), those of named workers ('w:worker'), the
    -- jobs that are not due yet ('due'), the jobs that a node holds ('n:node') and the jobs whose parents must still be
    -- told ('unresolved'). A job that waits for parents that know of it is in no line. Every statement that moves a job
    -- writes it, and a check guards it: MariaDB has no skip scan over a generated column.
    line                VARCHAR(260),
    -- The order within the line: the priority, or the microsecond at which the job is due.
    place               BIGINT AS (
        CASE state
            WHEN 'queued' THEN priority
            WHEN 'scheduled' THEN TIMESTAMPDIFF(MICROSECOND, '2000-01-01 00:00:00', run_after)
            ELSE 0
        END
    ) STORED,
    expiry              DATETIME(6) AS (CASE attempt WHEN 0 THEN expires_at END) STORED,
    CHECK (
        line <=> CASE
            WHEN node_id IS NOT NULL THEN CONCAT('n:', node_id)
            WHEN state = 'queued' AND worker IS NULL THEN CONCAT('q:', queue)
            WHEN state = 'queued' THEN CONCAT('w:', worker)
            WHEN state = 'scheduled' THEN 'due'
            WHEN state = 'waiting' AND unresolved THEN 'unresolved'
        END
    ),
    KEY line (line, place, id),
    -- Serves find_expired: only jobs that never started, so that jobs in back-off do not slow the look.
    KEY expiry (expiry),
    -- Serve cancel_many and the lists by tag and batch.
    KEY batch (batch_id),
    KEY tag (tag)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise} ROW_FORMAT=DYNAMIC;

CREATE TABLE IF NOT EXISTS dbjobs_completed_job (
    id                  BIGINT NOT NULL,
    ref_id              VARCHAR(255),
    parent_id           BIGINT,
    worker              VARCHAR(255),
    queue               VARCHAR(255) NOT NULL,
    priority            INT NOT NULL,
    tag                 VARCHAR(255),
    batch_id            VARCHAR(255),
    callback            VARCHAR(255),
    depends_on          LONGTEXT,
    depends_on_policy   VARCHAR(20) NOT NULL,
    run_after           DATETIME(6),
    expires_at          DATETIME(6),
    created_at          DATETIME(6) NOT NULL,
    created_by          VARCHAR(255),
    user_id             VARCHAR(255),
    request_type        VARCHAR(20) NOT NULL,
    command             VARCHAR(255) NOT NULL,
    request             VARCHAR(255),
    request_body        LONGTEXT,
    response            VARCHAR(255),
    response_body       LONGTEXT,
    state               VARCHAR(20) NOT NULL,
    started_at          DATETIME(6),
    executed_at         DATETIME(6),
    completed_at        DATETIME(6) NOT NULL,
    notified_at         DATETIME(6),
    last_activity_at    DATETIME(6),
    retry_limit         INT NOT NULL,
    retry               LONGTEXT,
    on_failure          VARCHAR(20) NOT NULL,
    attempt             INT NOT NULL,
    attempt_base        INT NOT NULL,
    duration_ms         DOUBLE,
    timeout_seconds     DOUBLE NOT NULL,
    progress            DOUBLE,
    status              LONGTEXT,
    reply_to            VARCHAR(255),
    error_code          VARCHAR(255),
    error               LONGTEXT,
    errors              LONGTEXT,
    args                LONGTEXT,
    meta                LONGTEXT,
    trace_context       LONGTEXT,
    cancel_requested_at DATETIME(6),
    node_id             BIGINT,
    -- The partition key must be part of every unique key. A plain column: MariaDB accepts no generated one there.
    created_month       INT NOT NULL,
    PRIMARY KEY (id, created_month),
    KEY batch (batch_id),
    KEY tag (tag)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise} ROW_FORMAT=DYNAMIC
-- LIST, not RANGE: any month can be added at any time without reorganising its neighbours, and the server refuses a
-- row of a missing month (error 1526) instead of putting it into the nearest older one. A partitioned table needs
-- one partition to begin with: `none` stays empty.
PARTITION BY LIST (created_month) (PARTITION none VALUES IN (0));

-- Failed and cancelled jobs, separate from the completed ones: people look for these.
CREATE TABLE IF NOT EXISTS dbjobs_failed_job LIKE dbjobs_completed_job;

CREATE TABLE IF NOT EXISTS dbjobs_job_log (
    id              BIGINT NOT NULL AUTO_INCREMENT,
    job_id          BIGINT NOT NULL,
    created_month   INT NOT NULL,                            -- the job's: its log leaves with it
    attempt         INT NOT NULL,
    at              DATETIME(6) NOT NULL,
    level           VARCHAR(20) NOT NULL,
    message         LONGTEXT NOT NULL,
    PRIMARY KEY (job_id, id, created_month),
    KEY id (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise} ROW_FORMAT=DYNAMIC
PARTITION BY LIST (created_month) (PARTITION none VALUES IN (0));

-- The idempotency keys: the one place where a ref_id is unique over live jobs and history. A table of its own, because
-- an enqueue looks for a missing key, and no look may lock the gaps between the jobs that others move.
CREATE TABLE IF NOT EXISTS dbjobs_job_ref (
    ref_id      VARCHAR(255) NOT NULL PRIMARY KEY,
    job_id      BIGINT NOT NULL,
    month       INT NOT NULL,                                -- of the job's creation: the key leaves with its month
    -- Serves forget_refs.
    KEY month (month)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- In which months did jobs of an older month end? Retention goes by the end: a job that waited longer than history
-- is kept still has its result for that long. Finishes and cancellations append a pair when it is new. Two at once
-- may append it twice: there is no key on which one would have to wait.
CREATE TABLE IF NOT EXISTS dbjobs_late_end (
    id              BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_month   INT NOT NULL,
    ended_month     INT NOT NULL,
    KEY month (created_month, ended_month)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- One row per running process, with a new id at every start, so it is never mistaken for an old one.
CREATE TABLE IF NOT EXISTS dbjobs_job_node (
    id                  BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name                VARCHAR(255) NOT NULL,
    started_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    last_seen_at        DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    lease_expires_at    DATETIME(6) NOT NULL,
    buried              TINYINT NOT NULL DEFAULT 0,          -- others have taken over: the lease can never be renewed
    info                LONGTEXT NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- A row is a lane that nobody else may take: held by a node, or blocked until a retry is due.
CREATE TABLE IF NOT EXISTS dbjobs_job_worker (
    worker      VARCHAR(255) NOT NULL PRIMARY KEY,
    node_id     BIGINT,
    blocked_by  BIGINT,
    KEY node (node_id),
    KEY blocked (blocked_by),
    CHECK ((node_id IS NULL) <> (blocked_by IS NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

CREATE TABLE IF NOT EXISTS dbjobs_job_queue (
    queue       VARCHAR(255) NOT NULL PRIMARY KEY,
    paused      TINYINT NOT NULL DEFAULT 0,
    concurrency INT,                                         -- over one node; NULL: as the node was started
    -- Serves list_queue_settings: there may be a queue per tenant, and few have settings.
    KEY settings (paused, concurrency)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- Which job waits for which. A row goes once the child has been told of the parent's end, or has ended itself.
CREATE TABLE IF NOT EXISTS dbjobs_job_dependency (
    parent_id   BIGINT NOT NULL,
    child_id    BIGINT NOT NULL,
    PRIMARY KEY (parent_id, child_id),
    KEY child (child_id)
) ENGINE=InnoDB;

-- Ended parents with children that must still be told: written together with the end, worked off by
-- release_children.
CREATE TABLE IF NOT EXISTS dbjobs_ended_parent (
    parent_id   BIGINT NOT NULL PRIMARY KEY,
    state       VARCHAR(20) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- Batches, stored as changes that add up: a transaction that adds to a batch, or ends a job of one, appends a row and
-- waits for no other row. fold_batches replaces the rows of a batch by one.
CREATE TABLE IF NOT EXISTS dbjobs_job_batch (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    batch_id    VARCHAR(255) NOT NULL,
    created_at  DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    total       BIGINT NOT NULL DEFAULT 0,
    completed   BIGINT NOT NULL DEFAULT 0,
    failed      BIGINT NOT NULL DEFAULT 0,
    cancelled   BIGINT NOT NULL DEFAULT 0,
    folded      TINYINT NOT NULL DEFAULT 0,                  -- 0: no; 1: a sum; 2: the sum of a batch that has ended
    folded_at   DATETIME(6),
    -- Serves get_batch.
    KEY batch (batch_id),
    -- Serves fold_batches (rows not folded yet) and drop_batches (batches that ended long ago).
    KEY folded (folded, folded_at, batch_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- Roll-ups, written with the outcomes. The counter is part of the key, so nobody waits for another's row: a node counts
-- under its own id, everybody else under a random negative number, and fold_stats sums up under 0.
CREATE TABLE IF NOT EXISTS dbjobs_job_stat (
    minute      DATETIME NOT NULL,
    queue       VARCHAR(255) NOT NULL,
    command     VARCHAR(255) NOT NULL,
    counter     BIGINT NOT NULL,
    completed   BIGINT NOT NULL DEFAULT 0,
    failed      BIGINT NOT NULL DEFAULT 0,
    cancelled   BIGINT NOT NULL DEFAULT 0,
    retried     BIGINT NOT NULL DEFAULT 0,
    duration_ms DOUBLE NOT NULL DEFAULT 0,
    PRIMARY KEY (minute, queue, command, counter)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- Every job, whole. It shows `executed` while only the callback is outstanding.
CREATE OR REPLACE VIEW dbjobs_job AS
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
       expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
       response_body,
       CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state,
       started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds, progress, status,
       reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_background_job
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
       expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
       response_body, state,
       started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds, progress, status,
       reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_completed_job
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
       expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
       response_body, state,
       started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds, progress, status,
       reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM dbjobs_failed_job;

-- The short columns, for lists.
CREATE OR REPLACE VIEW dbjobs_job_summary AS
SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
       run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
FROM dbjobs_job;
