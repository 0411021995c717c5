CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS dbjobs.schema_version (
    version     integer PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
