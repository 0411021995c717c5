-- Which months of history do these live jobs belong to? Asked only when a partition was missing.
SELECT DISTINCT to_char(created_at AT TIME ZONE 'UTC', 'YYYYMM') AS month
FROM dbjobs.background_job
WHERE id = ANY (:ids::bigint[])
ORDER BY 1;
