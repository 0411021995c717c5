-- The step between the numbers of one INSERT: more than 1 where several servers share the numbering (Galera).
SELECT @@auto_increment_increment AS step;
