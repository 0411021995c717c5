-- A month of the request log and its roll-ups, in its own file: run on the new file, not on the main one. Its name
-- tells the month and the schema, so the tables need no prefix. The columns are what lists show and searches ask
-- for; everything else of a request is one JSON text.
CREATE TABLE IF NOT EXISTS request_log (
    at              TEXT NOT NULL,
    tie             INTEGER NOT NULL,
    method          TEXT NOT NULL,
    path            TEXT NOT NULL,
    query           TEXT,
    route           TEXT,                   -- its template, if the framework tells it
    status_code     INTEGER NOT NULL,
    status_class    INTEGER NOT NULL,       -- 2 for 200 to 299, and so on
    duration_ms     REAL NOT NULL,
    user_id         TEXT,
    api_key         TEXT,                   -- a hash
    session_id      TEXT,                   -- a hash
    ip              TEXT,
    trace_id        TEXT,
    request_bytes   INTEGER NOT NULL,
    response_bytes  INTEGER NOT NULL,
    error           TEXT,
    meta            TEXT
) STRICT;
-- Not WITHOUT ROWID: the rows are long, and the indexes would carry the key. Each serves one branch of list_requests.
-- By class, not by code: people look for "5xx".
CREATE UNIQUE INDEX IF NOT EXISTS request_log_pkey ON request_log (at, tie);
CREATE INDEX IF NOT EXISTS request_log_route ON request_log (route, at, tie) WHERE route IS NOT NULL;
CREATE INDEX IF NOT EXISTS request_log_user ON request_log (user_id, at, tie) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS request_log_ip ON request_log (ip, at, tie) WHERE ip IS NOT NULL;
CREATE INDEX IF NOT EXISTS request_log_status ON request_log (status_class, at, tie);
-- Roll-ups by hour, later by day: of a name (detail_kind is '') or of a pair of names, such as a route and a
-- user. Written with each batch. A row belongs to one writer (counter).
CREATE TABLE IF NOT EXISTS request_stat (
    kind                TEXT NOT NULL,
    detail_kind         TEXT NOT NULL,
    hour                TEXT NOT NULL,
    name                TEXT NOT NULL,
    detail              TEXT NOT NULL,
    counter             INTEGER NOT NULL,
    requests            INTEGER NOT NULL,
    errors              INTEGER NOT NULL,
    request_bytes       INTEGER NOT NULL,
    request_bytes_min   INTEGER NOT NULL,
    request_bytes_max   INTEGER NOT NULL,
    response_bytes      INTEGER NOT NULL,
    duration_ms         REAL NOT NULL,
    duration_min        REAL NOT NULL,
    duration_max        REAL NOT NULL,
    under_ten_ms            INTEGER NOT NULL,   -- each without those before it
    under_fifty_ms            INTEGER NOT NULL,
    under_hundred_ms           INTEGER NOT NULL,
    under_half_second           INTEGER NOT NULL,
    under_one_second          INTEGER NOT NULL,
    under_two_seconds          INTEGER NOT NULL,
    under_five_seconds          INTEGER NOT NULL,
    under_half_minute         INTEGER NOT NULL,
    slower              INTEGER NOT NULL,
    folded              INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, detail_kind, hour, name, detail, counter)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS request_stat_loose ON request_stat (hour) WHERE folded = 0;
-- Last: a file that says 1 is complete.
PRAGMA user_version = 1;
