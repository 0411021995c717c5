-- Nothing is on its way to the history here: it is there with the job's end.
SELECT ''::text AS month WHERE false;
