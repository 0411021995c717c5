SELECT max(version) AS version FROM dbjobs.schema_version;
