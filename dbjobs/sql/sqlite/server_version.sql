SELECT 'SQLite ' || sqlite_version() AS version;
