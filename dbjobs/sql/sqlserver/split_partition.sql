-- Gives a month its own partition (see make_partition.sql): a boundary at either end, if there is none yet. Splitting
-- an empty range only changes the catalogue, but takes the tables for itself: it waits for finishing jobs, and others
-- wait behind us, so not for long; the next try is later. It commits here, not when the client gets to it: a suspended
-- client must not keep the tables. (This ends the lock of lock_schema.sql, too: a node that makes the same month at the
-- same moment finds its boundaries.)
SET LOCK_TIMEOUT 500;
DECLARE @number int = $PARTITION.dbjobs_history(CONVERT(datetime2(6), '{from}'));
IF @number = $PARTITION.dbjobs_history(DATEADD(microsecond, -1, CONVERT(datetime2(6), '{from}')))
BEGIN
    ALTER PARTITION SCHEME dbjobs_history NEXT USED [PRIMARY];
    ALTER PARTITION FUNCTION dbjobs_history() SPLIT RANGE (CONVERT(datetime2(6), '{from}'));
END;
SET @number = $PARTITION.dbjobs_history(CONVERT(datetime2(6), '{to}'));
IF @number = $PARTITION.dbjobs_history(DATEADD(microsecond, -1, CONVERT(datetime2(6), '{to}')))
BEGIN
    ALTER PARTITION SCHEME dbjobs_history NEXT USED [PRIMARY];
    ALTER PARTITION FUNCTION dbjobs_history() SPLIT RANGE (CONVERT(datetime2(6), '{to}'));
END;
SET LOCK_TIMEOUT {lock_milliseconds};
COMMIT TRANSACTION;
BEGIN TRANSACTION;
SELECT N'add_month' AS next;
