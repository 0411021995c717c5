-- Seconds since 1970 by the database's clock, which defines the minutes.
SELECT CONVERT(float, DATEDIFF_BIG(millisecond, '1970-01-01', SYSUTCDATETIME())) / 1000 AS seconds;
