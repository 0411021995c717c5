-- How many live jobs per queue and state, counted up to a bound: a page may not cost by the backlog.
DECLARE @bound int = :bound;
SELECT j.queue, j.state, COUNT_BIG(*) AS jobs
FROM (SELECT TOP (@bound) queue, state FROM dbjobs.background_job) AS j
GROUP BY j.queue, j.state
ORDER BY j.queue, j.state;
