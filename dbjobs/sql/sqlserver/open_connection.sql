-- Settings that our statements rely on, set against any defaults of the server ("user options"), the login and the
-- driver. IMPLICIT_TRANSACTIONS stands first: with it on, any statement further down might begin a transaction. LANGUAGE
-- stands before DATEFORMAT and DATEFIRST, which it sets too. (Babelfish has no other values for some of these, and knows
-- not all of them.)
SET IMPLICIT_TRANSACTIONS OFF;
SET ROWCOUNT 0;
IF SERVERPROPERTY('BabelfishVersion') IS NULL
BEGIN
    SET LANGUAGE us_english;
    SET DATEFORMAT ymd;
    SET DATEFIRST 7;
    SET TEXTSIZE 2147483647;
    SET ANSI_NULL_DFLT_ON ON;
    SET ARITHIGNORE, CURSOR_CLOSE_ON_COMMIT OFF;
END;
-- Filtered indexes can only be written with these; a failed statement ends its whole transaction (XACT_ABORT).
SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER, XACT_ABORT ON;
SET NUMERIC_ROUNDABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- The scripts that change partitions wait for less, and put this back.
SET LOCK_TIMEOUT {lock_milliseconds};
SET NOCOUNT ON;
-- Babelfish plans a statement when the tables are still empty, and keeps the plan: a walk through each of them, for each
-- job. (FORCESEEK, which says otherwise, it does not know.) And it keeps something of every run of a prepared batch that
-- has table variables, and looks through all of that at the next: statements are not to stay prepared there.
IF SERVERPROPERTY('BabelfishVersion') IS NOT NULL
    EXEC (N'SELECT set_config(''enable_seqscan'', ''off'', ''f'')');
-- Which session is this, should it have to be ended (kill_connection.sql)? Where we may not know, it will not be.
DECLARE @session_started nvarchar(30);
BEGIN TRY
    SELECT @session_started = CONVERT(nvarchar(30), login_time, 126)
    FROM sys.dm_exec_sessions
    WHERE session_id = @@SPID;
END TRY
BEGIN CATCH
    SET @session_started = NULL;
END CATCH;
-- (What Babelfish calls a compatibility level says nothing.)
SELECT CONVERT(bit, CASE WHEN SERVERPROPERTY('BabelfishVersion') IS NULL THEN 1 ELSE 0 END) AS keeps_cursors,
    (
        SELECT compatibility_level
        FROM sys.databases
        WHERE database_id = DB_ID() AND SERVERPROPERTY('BabelfishVersion') IS NULL
    ) AS compatibility_level,
    CONVERT(int, @@SPID) AS session_id, @session_started AS session_started;
