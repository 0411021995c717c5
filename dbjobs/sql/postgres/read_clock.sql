-- Seconds since 1970 by the database's clock, which defines the minutes.
SELECT extract(epoch FROM clock_timestamp())::double precision AS seconds;
