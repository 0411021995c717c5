-- How far apart the numbers of one INSERT lie: more than 1 where several servers number together (Galera).
SELECT @@auto_increment_increment AS step;
