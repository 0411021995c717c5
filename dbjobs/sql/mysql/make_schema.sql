-- The version is kept apart, so that it can be asked for before anything else is there.
CREATE TABLE IF NOT EXISTS dbjobs_schema_version (
    version     INT NOT NULL PRIMARY KEY,
    applied_at  DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE=InnoDB;
