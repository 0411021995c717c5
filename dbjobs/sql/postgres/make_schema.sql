-- CREATE SCHEMA IF NOT EXISTS asks for the right to make schemas in this database even where there is nothing to make. A role
-- that an administrator has given a schema of its own needs none: it is asked for only when the schema is missing.
DO $make$
BEGIN
    IF to_regnamespace('{schema}') IS NULL THEN
        CREATE SCHEMA {schema};
    END IF;
END
$make$;
CREATE TABLE IF NOT EXISTS dbjobs.schema_version (
    version     integer PRIMARY KEY,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
