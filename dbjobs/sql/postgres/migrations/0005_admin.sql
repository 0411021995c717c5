-- What the admin page keeps: settings by name (the key for its tokens, saved views), and who did what. A few rows,
-- which no job touches.
CREATE TABLE dbjobs.setting (
    name        text COLLATE "C" PRIMARY KEY,
    value       text NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Append-only. The key is in time order, and serves list_audit.
CREATE TABLE dbjobs.audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text NOT NULL,
    action      text NOT NULL,
    target      text NOT NULL,
    outcome     text NOT NULL,          -- done, refused or failed
    details     text NOT NULL           -- JSON
);
