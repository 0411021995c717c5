-- The version of tables that carry the mark of a transfer, which is a version larger than all others.
SELECT max(version) AS version FROM dbjobs.schema_version WHERE version < :mark::integer;
