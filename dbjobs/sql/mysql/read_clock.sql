-- Seconds since 1970 by the database's clock, which defines the minutes.
SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) / 1e6 AS seconds;
