-- The database's clock, UTC, as text.
SELECT CONVERT(nvarchar(26), CONVERT(datetime2(6), SYSUTCDATETIME()), 121) AS moment;
