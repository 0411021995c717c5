-- Deletes the rows of a month, some thousands per batch, if history is not partitioned (see drop_partition.sql). The
-- oldest rows come first in the tables, so each batch finds its rows at once; the last one reads on to the end. Each
-- batch commits by itself. The month's row goes last, together with rows written meanwhile. Writers of the month hold
-- that row, so this waits for them, half a second at most; then the janitor tries again later.
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
