-- The version has its own table, so that it can be read before anything else exists.
CREATE TABLE IF NOT EXISTS dbjobs_schema_version (
    version     INT NOT NULL PRIMARY KEY,
    applied_at  DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6))
) ENGINE=InnoDB;
