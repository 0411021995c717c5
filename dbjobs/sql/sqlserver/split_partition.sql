-- A partition of its own for a month (see make_partition.sql): a boundary at either end, where there is none yet.
-- A split of an empty range only changes the catalogue, but takes the tables for itself: jobs that are finishing are
-- waited for, at most so long, and the next try is later.
SET LOCK_TIMEOUT 5000;
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
SET LOCK_TIMEOUT 30000;
