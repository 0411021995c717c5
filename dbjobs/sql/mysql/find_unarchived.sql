-- Nothing is on its way to the history here: it is there with the job's end.
SELECT '' AS month FROM DUAL WHERE 1 = 0;
