SELECT MAX(version) AS version FROM dbjobs.schema_version;
