-- A month of history, in its own file: run on the new file, not on the main one. Its name tells the
-- month and the schema, so the tables need no prefix. Few indexes: rows only ever come in.

CREATE TABLE IF NOT EXISTS completed_job (
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
-- Failed and cancelled jobs, separate from the completed ones: people look for these.
CREATE TABLE IF NOT EXISTS failed_job (
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
-- Serve the lists by tag and batch.
CREATE INDEX IF NOT EXISTS completed_job_batch ON completed_job (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS completed_job_tag ON completed_job (tag) WHERE tag IS NOT NULL;
CREATE INDEX IF NOT EXISTS failed_job_batch ON failed_job (batch_id) WHERE batch_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS failed_job_tag ON failed_job (tag) WHERE tag IS NOT NULL;
-- Keyed by job, so that one job's lines lie together.
CREATE TABLE IF NOT EXISTS job_log (
    id                  INTEGER NOT NULL,
    job_id              INTEGER NOT NULL,
    job_created_at      TEXT NOT NULL,
    attempt             INTEGER NOT NULL,
    at                  TEXT NOT NULL,
    level               TEXT NOT NULL,
    message             TEXT NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT, WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS job AS
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM completed_job
UNION ALL
SELECT id, ref_id, parent_id, worker, queue, priority, tag, batch_id, callback, depends_on, run_after,
    expires_at, created_at, created_by, user_id, request_type, command, request, request_body,
    response_body, state, started_at, completed_at, retry_limit, attempt, duration_ms, timeout_seconds,
    progress, status, reply_to, error_code, error, errors, args, meta, cancel_requested_at, node_id
FROM failed_job;
CREATE VIEW IF NOT EXISTS job_summary AS
SELECT id, ref_id, queue, worker, command, state, priority, tag, batch_id, user_id, attempt, created_at,
    run_after, started_at, completed_at, duration_ms, progress, status, error_code, error
FROM job;
-- Last: a file that says 1 is complete.
PRAGMA user_version = 1;
