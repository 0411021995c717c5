-- Seconds since 1970 by the database's clock, which minutes are cut by.
SELECT extract(epoch FROM clock_timestamp())::double precision AS seconds;
