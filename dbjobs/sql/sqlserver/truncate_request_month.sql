-- Empties the partition of a month at once, and removes its boundaries unless a neighbour needs them. It takes the
-- tables for itself for a moment; if they are not free soon, it is tried again later. All of it commits here.
SET LOCK_TIMEOUT 500;
DECLARE @from datetime2(6) = '{month}01';
DECLARE @to datetime2(6) = DATEADD(month, 1, @from);
DECLARE @number int = $PARTITION.dbjobs_requests(@from);
DELETE FROM dbjobs.request_month WHERE month = '{month}';
TRUNCATE TABLE dbjobs.request_log WITH (PARTITIONS (@number));
TRUNCATE TABLE dbjobs.request_stat WITH (PARTITIONS (@number));
IF NOT EXISTS (SELECT 1 FROM dbjobs.request_month WHERE month = YEAR(@to) * 100 + MONTH(@to))
    ALTER PARTITION FUNCTION dbjobs_requests() MERGE RANGE (@to);
SET @to = DATEADD(month, -1, @from);
IF NOT EXISTS (SELECT 1 FROM dbjobs.request_month WHERE month = YEAR(@to) * 100 + MONTH(@to))
    ALTER PARTITION FUNCTION dbjobs_requests() MERGE RANGE (@from);
SET LOCK_TIMEOUT {lock_milliseconds};
COMMIT TRANSACTION;
BEGIN TRANSACTION;
