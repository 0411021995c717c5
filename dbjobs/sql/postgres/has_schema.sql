SELECT to_regclass('dbjobs.schema_version') IS NOT NULL AS present;
