-- Nothing is on its way to the history here: it is there with the job's end.
SELECT 1 AS found WHERE false;
