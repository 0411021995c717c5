-- Removes the mark that keeps nodes and clients away (see record_version).
DECLARE @version int = :version;
DELETE FROM dbjobs.schema_version WHERE version = @version;
