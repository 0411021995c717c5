IF NOT EXISTS (SELECT 1 FROM sys.schemas WHERE QUOTENAME(name, '"') = N'{schema}')
    EXEC (N'CREATE SCHEMA {schema}');
IF OBJECT_ID(N'dbjobs.schema_version') IS NULL
    CREATE TABLE dbjobs.schema_version (
        version     int NOT NULL PRIMARY KEY,
        applied_at  datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME()
    );
