-- No row: InnoDB's purge runs all the time by itself.
SELECT 0 AS allowed, 0 AS place, 0 AS held_back FROM DUAL WHERE 1 = 0;
