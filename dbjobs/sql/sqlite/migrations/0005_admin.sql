-- What the admin page keeps: settings by name (the key that its tokens are made with, saved views), and who did what. A few
-- rows, which no job touches.
CREATE TABLE dbjobs_setting (
    name        TEXT PRIMARY KEY,
    value       TEXT NOT NULL,
    changed_at  TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
) STRICT, WITHOUT ROWID;

-- Only ever appended. The key is in the order of time, and serves list_audit.
CREATE TABLE dbjobs_audit (
    id          INTEGER PRIMARY KEY,
    at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    target      TEXT NOT NULL,
    outcome     TEXT NOT NULL,          -- done, refused or failed
    details     TEXT NOT NULL           -- JSON
) STRICT;
