-- Deletes the rows of a month, some thousands per batch, if history is not partitioned (see drop_request_month.sql).
-- Each batch commits here, not when the client gets to it. The month's row goes last.
DECLARE @from datetime2(6) = '{month}01', @rows int;
DECLARE @to datetime2(6) = DATEADD(month, 1, @from);
DELETE TOP (5000) FROM dbjobs.request_log WHERE at >= @from AND at < @to;
SET @rows = @@ROWCOUNT;
DELETE TOP (5000) FROM dbjobs.request_stat WHERE hour >= @from AND hour < @to;
SET @rows = @rows + @@ROWCOUNT;
IF @rows = 0 DELETE FROM dbjobs.request_month WHERE month = '{month}';
COMMIT TRANSACTION;
BEGIN TRANSACTION;
SELECT N'delete_request_month' AS next WHERE @rows > 0;
