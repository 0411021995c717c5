-- The rows of a month, some thousands in each batch, where history is not partitioned (see drop_partition.sql). The oldest
-- rows come first in the tables, so each batch finds its rows at once; the last one reads on to the end. Each is committed
-- here, not when the client comes to it. The month's row goes last, together with what was written meanwhile: to take it
-- waits for those who are writing to the month (they hold that row), at most for half a second; then the next try is later.
DECLARE @from datetime2(6) = '{month}01', @rows int;
DECLARE @to datetime2(6) = DATEADD(month, 1, @from);
DELETE TOP (5000) FROM dbjobs.completed_job WHERE created_at >= @from AND created_at < @to;
SET @rows = @@ROWCOUNT;
DELETE TOP (5000) FROM dbjobs.failed_job WHERE created_at >= @from AND created_at < @to;
SET @rows = @rows + @@ROWCOUNT;
DELETE TOP (5000) FROM dbjobs.job_log WHERE job_created_at >= @from AND job_created_at < @to;
SET @rows = @rows + @@ROWCOUNT;
COMMIT TRANSACTION;
BEGIN TRANSACTION;
IF @rows = 0
BEGIN
    SET LOCK_TIMEOUT 500;
    DELETE FROM dbjobs.history_month WHERE month = '{month}';
    DELETE FROM dbjobs.late_end WHERE created_month = {month};
    DELETE FROM dbjobs.completed_job WHERE created_at >= @from AND created_at < @to;
    DELETE FROM dbjobs.failed_job WHERE created_at >= @from AND created_at < @to;
    DELETE FROM dbjobs.job_log WHERE job_created_at >= @from AND job_created_at < @to;
    COMMIT TRANSACTION;
    BEGIN TRANSACTION;
    SET LOCK_TIMEOUT {lock_milliseconds};
END;
SELECT N'delete_month' AS next WHERE @rows > 0;
