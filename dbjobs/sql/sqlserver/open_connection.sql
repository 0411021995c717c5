-- What a connection of ours relies on, whatever the server's or the driver's defaults are: filtered indexes can only be
-- written with these settings, a failed statement ends its whole transaction, and a lock is not waited for without end.
SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, QUOTED_IDENTIFIER, XACT_ABORT ON;
SET NUMERIC_ROUNDABORT OFF;
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCK_TIMEOUT 30000;
-- Babelfish plans a statement when the tables are still empty, and keeps the plan: a walk through each of them, for each
-- job. (FORCESEEK, which says otherwise, it does not know.) And it keeps something of every run of a prepared batch that
-- has table variables, and looks through all of that at the next: statements are not to stay prepared there.
IF SERVERPROPERTY('BabelfishVersion') IS NOT NULL
    EXEC (N'SELECT set_config(''enable_seqscan'', ''off'', ''f'')');
-- (What Babelfish calls a compatibility level says nothing.)
SELECT CONVERT(bit, CASE WHEN SERVERPROPERTY('BabelfishVersion') IS NULL THEN 1 ELSE 0 END) AS keeps_cursors,
    (
        SELECT compatibility_level
        FROM sys.databases
        WHERE database_id = DB_ID() AND SERVERPROPERTY('BabelfishVersion') IS NULL
    ) AS compatibility_level;
