-- Nothing is on its way to the history here: it is there with the job's end.
SELECT N'' AS month WHERE 1 = 0;
