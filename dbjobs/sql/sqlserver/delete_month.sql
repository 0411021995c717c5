-- The rows of a month, some thousands at a time, where history is not partitioned (see drop_partition.sql). The oldest
-- rows come first in the tables, so each round finds its rows at once; the last one reads on to the end.
DECLARE @from datetime2(6) = '{month}01', @rows int = 1;
DECLARE @to datetime2(6) = DATEADD(month, 1, @from);
WHILE @rows > 0
BEGIN
    DELETE TOP (5000) FROM dbjobs.completed_job WHERE created_at >= @from AND created_at < @to;
    SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
    DELETE TOP (5000) FROM dbjobs.failed_job WHERE created_at >= @from AND created_at < @to;
    SET @rows = @@ROWCOUNT;
END;
SET @rows = 1;
WHILE @rows > 0
BEGIN
    DELETE TOP (5000) FROM dbjobs.job_log WHERE job_created_at >= @from AND job_created_at < @to;
    SET @rows = @@ROWCOUNT;
END;
