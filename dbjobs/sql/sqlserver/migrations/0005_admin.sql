-- What the admin page keeps: settings by name (the key for its tokens, saved views), and who did what. A few rows,
-- which no job touches.
CREATE TABLE dbjobs.setting (
    name        nvarchar(255) COLLATE Latin1_General_100_BIN2 NOT NULL
                CONSTRAINT setting_pkey PRIMARY KEY NONCLUSTERED,
    value       nvarchar(max) NOT NULL,
    changed_at  datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME()
);

-- Append-only. The key is in time order, and serves list_audit.
CREATE TABLE dbjobs.audit (
    id          bigint IDENTITY(1, 1) NOT NULL CONSTRAINT audit_pkey PRIMARY KEY,
    at          datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    actor       nvarchar(max) NOT NULL,
    action      nvarchar(255) NOT NULL,
    target      nvarchar(max) NOT NULL,
    outcome     nvarchar(20) NOT NULL,  -- done, refused or failed
    details     nvarchar(max) NOT NULL  -- JSON
);
