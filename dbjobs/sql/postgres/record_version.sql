INSERT INTO dbjobs.schema_version (version) VALUES (:version::integer);
