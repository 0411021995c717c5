-- No row: SQLite keeps no dead rows, and free pages are used again.
SELECT 0 AS allowed, 0 AS place, 0 AS held_back WHERE 1 = 0;
