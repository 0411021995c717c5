-- How many live jobs per queue and state, counted up to a bound: a page may not cost by the backlog.
SELECT queue, state, COUNT(*) AS jobs
FROM (SELECT queue, state FROM dbjobs_background_job LIMIT :bound) j
GROUP BY queue, state
ORDER BY queue, state;
