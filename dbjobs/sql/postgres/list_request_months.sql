-- Months that the request log has both partitions for, as 'YYYYMM'.
SELECT right(c.relname, 6) AS month
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent IN ('dbjobs.request_log'::regclass, 'dbjobs.request_stat'::regclass)
GROUP BY right(c.relname, 6)
HAVING count(*) = 2
ORDER BY 1;
