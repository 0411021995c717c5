-- Settings that our statements rely on, whatever the defaults of the server ("user options"), the login and the
-- driver. IMPLICIT_TRANSACTIONS comes first: with it on, any statement further down might begin a transaction. LANGUAGE
-- comes before DATEFORMAT and DATEFIRST, which it also sets. (Babelfish has no other values for some of these, and does
-- not know all of them.)
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
-- Writing filtered indexes needs these; a failed statement ends its whole transaction (XACT_ABORT).
SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER, XACT_ABORT ON;
SET NUMERIC_ROUNDABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
-- The scripts that change partitions wait less long, and restore this.
SET LOCK_TIMEOUT {lock_milliseconds};
SET NOCOUNT ON;
-- Babelfish plans a statement while the tables are still empty, and keeps the plan: a scan of each table, for each job.
-- (It does not know FORCESEEK, which would prevent that.) And it keeps something of every run of a prepared batch with
-- table variables, and looks through all of that at the next run: statements must not stay prepared there.
IF SERVERPROPERTY('BabelfishVersion') IS NOT NULL
    EXEC (N'SELECT set_config(''enable_seqscan'', ''off'', ''f'')');
-- Which session is this, in case we must end it (kill_connection.sql)? If we may not know, we will not end it.
DECLARE @session_started nvarchar(30);
BEGIN TRY
    SELECT @session_started = CONVERT(nvarchar(30), login_time, 126)
    FROM sys.dm_exec_sessions
    WHERE session_id = @@SPID;
END TRY
BEGIN CATCH
    SET @session_started = NULL;
END CATCH;
-- (The compatibility level of Babelfish says nothing.)
SELECT CONVERT(bit, CASE WHEN SERVERPROPERTY('BabelfishVersion') IS NULL THEN 1 ELSE 0 END) AS keeps_cursors,
    (
        SELECT compatibility_level
        FROM sys.databases
        WHERE database_id = DB_ID() AND SERVERPROPERTY('BabelfishVersion') IS NULL
    ) AS compatibility_level,
    CONVERT(int, @@SPID) AS session_id, @session_started AS session_started;
