-- Gives a month its own partition (see make_request_month.sql and split_partition.sql): a boundary at either end, if
-- there is none yet. It commits here, not when the client gets to it.
SET LOCK_TIMEOUT 500;
DECLARE @number int = $PARTITION.dbjobs_requests(CONVERT(datetime2(6), '{from}'));
IF @number = $PARTITION.dbjobs_requests(DATEADD(microsecond, -1, CONVERT(datetime2(6), '{from}')))
BEGIN
    ALTER PARTITION SCHEME dbjobs_requests NEXT USED [PRIMARY];
    ALTER PARTITION FUNCTION dbjobs_requests() SPLIT RANGE (CONVERT(datetime2(6), '{from}'));
END;
SET @number = $PARTITION.dbjobs_requests(CONVERT(datetime2(6), '{to}'));
IF @number = $PARTITION.dbjobs_requests(DATEADD(microsecond, -1, CONVERT(datetime2(6), '{to}')))
BEGIN
    ALTER PARTITION SCHEME dbjobs_requests NEXT USED [PRIMARY];
    ALTER PARTITION FUNCTION dbjobs_requests() SPLIT RANGE (CONVERT(datetime2(6), '{to}'));
END;
SET LOCK_TIMEOUT {lock_milliseconds};
COMMIT TRANSACTION;
BEGIN TRANSACTION;
SELECT N'add_request_month' AS next;
