-- Removes the mark that keeps nodes and clients away (see record_version).
DELETE FROM dbjobs_schema_version WHERE version = :version;
