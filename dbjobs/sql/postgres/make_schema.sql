-- CREATE SCHEMA IF NOT EXISTS needs the right to make schemas in this database even if there is nothing to make. A role
-- with a schema from an administrator does not need that right: we ask for it only when the schema is missing.
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
