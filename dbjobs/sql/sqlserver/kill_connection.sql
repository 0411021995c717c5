-- Ends a session of ours that did not answer in time: its batch would go on, hold its locks, and commit. Session
-- numbers are reused, so the login time must match. Seeing another session takes VIEW SERVER STATE, ending it ALTER ANY
-- CONNECTION: a role without them finds nothing here, and the session ends by its own limits.
DECLARE @session_id int = :session_id, @session_started nvarchar(30) = :session_started, @kill nvarchar(40);
IF EXISTS (
    SELECT 1
    FROM sys.dm_exec_sessions
    WHERE session_id = @session_id AND CONVERT(nvarchar(30), login_time, 126) = @session_started
)
BEGIN
    SET @kill = CONCAT(N'KILL ', @session_id);
    EXEC (@kill);
END;
