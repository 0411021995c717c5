DECLARE @version int = :version;
INSERT INTO dbjobs.schema_version (version) VALUES (@version);
