-- What the admin page keeps: settings by name (the key for its tokens, saved views), and who did what. A few rows,
-- which no job touches.
CREATE TABLE IF NOT EXISTS dbjobs_setting (
    name        VARCHAR(255) NOT NULL PRIMARY KEY,
    value       LONGTEXT NOT NULL,
    changed_at  DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};

-- Append-only. The key is in time order, and serves list_audit.
CREATE TABLE IF NOT EXISTS dbjobs_audit (
    id          BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    actor       TEXT NOT NULL,
    action      VARCHAR(255) NOT NULL,
    target      TEXT NOT NULL,
    outcome     VARCHAR(20) NOT NULL,                       -- done, refused or failed
    details     LONGTEXT NOT NULL                           -- JSON
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};
