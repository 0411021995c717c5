-- The same as copy_rows for a table whose numbers come from IDENTITY.
BEGIN TRY
    SET IDENTITY_INSERT dbjobs.{table} ON;
    INSERT INTO dbjobs.{table} ({columns})
    VALUES ({rows});
    SET IDENTITY_INSERT dbjobs.{table} OFF;
END TRY
BEGIN CATCH
    -- The setting belongs to the session, and we reuse the connection.
    SET IDENTITY_INSERT dbjobs.{table} OFF;
    THROW;
END CATCH;
