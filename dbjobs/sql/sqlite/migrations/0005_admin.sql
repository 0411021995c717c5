-- What the admin page keeps: settings by name (the key for its tokens, saved views), and who did what. A few rows,
-- which no job touches.
CREATE TABLE dbjobs_setting (
    name        TEXT PRIMARY KEY,
    value       TEXT NOT NULL,
    changed_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
) STRICT, WITHOUT ROWID;

-- Append-only. The key is in time order, and serves list_audit.
CREATE TABLE dbjobs_audit (
    id          INTEGER PRIMARY KEY,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    target      TEXT NOT NULL,
    outcome     TEXT NOT NULL,          -- done, refused or failed
    details     TEXT NOT NULL           -- JSON
) STRICT;
