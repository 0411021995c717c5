SELECT CASE WHEN OBJECT_ID(N'dbjobs.schema_version') IS NULL THEN 0 ELSE 1 END AS present;
