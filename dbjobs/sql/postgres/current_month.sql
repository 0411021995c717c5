SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM') AS month;
