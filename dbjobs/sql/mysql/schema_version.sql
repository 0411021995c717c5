SELECT MAX(version) AS version FROM dbjobs_schema_version;
