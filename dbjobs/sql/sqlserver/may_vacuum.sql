-- No row: SQL Server's ghost clean-up runs all the time by itself.
SELECT 0 AS allowed, 0 AS place, 0 AS held_back WHERE 1 = 0;
