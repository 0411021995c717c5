-- Seconds since 1970 by the database's clock, which defines the minutes.
SELECT (julianday('now') - 2440587.5) * 86400.0 AS seconds;
