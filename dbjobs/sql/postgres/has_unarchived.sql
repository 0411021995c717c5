-- Nothing is on its way to history here: a job is there as soon as it ends.
SELECT 1 AS found WHERE false;
