INSERT INTO dbjobs_schema_version (version) VALUES (:version);
