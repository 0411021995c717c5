-- Months that have all three partitions, as 'YYYYMM'.
SELECT right(c.relname, 6) AS month
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('dbjobs.completed_job'::regclass, 'dbjobs.failed_job'::regclass, 'dbjobs.job_log'::regclass)
GROUP BY right(c.relname, 6)
HAVING count(*) = 3
ORDER BY 1;
