-- Rows copied into history with their numbers do not advance the counters, because history has none: this makes new
-- jobs, log lines and nodes get numbers above these.
-- A row that exists for a moment is enough for that. Writing one's own number takes ALTER on the tables.
DECLARE @job_id bigint = :job_id, @log_id bigint = :log_id, @node_id bigint = :node_id;
BEGIN TRANSACTION;
BEGIN TRY
    SET IDENTITY_INSERT dbjobs.background_job ON;
    INSERT INTO dbjobs.background_job (id, command, state) VALUES (@job_id + 1, N'', N'none');
    SET IDENTITY_INSERT dbjobs.background_job OFF;
    SET IDENTITY_INSERT dbjobs.job_log ON;
    INSERT INTO dbjobs.job_log (id, job_id, job_created_at, attempt, at, level, message)
    VALUES (@log_id + 1, 0, SYSUTCDATETIME(), 0, SYSUTCDATETIME(), N'', N'');
    SET IDENTITY_INSERT dbjobs.job_log OFF;
    SET IDENTITY_INSERT dbjobs.job_node ON;
    INSERT INTO dbjobs.job_node (id, name, lease_expires_at, info) VALUES (@node_id + 1, N'', SYSUTCDATETIME(), N'{}');
    SET IDENTITY_INSERT dbjobs.job_node OFF;
END TRY
BEGIN CATCH
    -- The setting belongs to the session, and we reuse the connection.
    SET IDENTITY_INSERT dbjobs.background_job OFF;
    SET IDENTITY_INSERT dbjobs.job_log OFF;
    SET IDENTITY_INSERT dbjobs.job_node OFF;
    THROW;
END CATCH;
DELETE FROM dbjobs.background_job WHERE id = @job_id + 1;
DELETE FROM dbjobs.job_log WHERE job_id = 0 AND id = @log_id + 1;
DELETE FROM dbjobs.job_node WHERE id = @node_id + 1;
COMMIT TRANSACTION;
