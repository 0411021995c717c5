-- Empties the partition of a month at once, and removes its boundaries unless a neighbour needs them. Writers of the
-- month hold its row, so this waits for them; the rest takes the tables alone for a moment. Others wait behind us, so
-- if the lock is not free soon, the janitor tries again later. The batch commits by itself: a suspended client must not
-- keep the tables.
SET LOCK_TIMEOUT 500;
DECLARE @from datetime2(6) = '{month}01';
DECLARE @to datetime2(6) = DATEADD(month, 1, @from);
DECLARE @number int = $PARTITION.dbjobs_history(@from);
DELETE FROM dbjobs.history_month WHERE month = '{month}';
DELETE FROM dbjobs.late_end WHERE created_month = {month};
TRUNCATE TABLE dbjobs.completed_job WITH (PARTITIONS (@number));
TRUNCATE TABLE dbjobs.failed_job WITH (PARTITIONS (@number));
TRUNCATE TABLE dbjobs.job_log WITH (PARTITIONS (@number));
IF NOT EXISTS (SELECT 1 FROM dbjobs.history_month WHERE month = YEAR(@to) * 100 + MONTH(@to))
    ALTER PARTITION FUNCTION dbjobs_history() MERGE RANGE (@to);
SET @to = DATEADD(month, -1, @from);
IF NOT EXISTS (SELECT 1 FROM dbjobs.history_month WHERE month = YEAR(@to) * 100 + MONTH(@to))
    ALTER PARTITION FUNCTION dbjobs_history() MERGE RANGE (@from);
SET LOCK_TIMEOUT {lock_milliseconds};
COMMIT TRANSACTION;
BEGIN TRANSACTION;
