-- Which months of history do these live jobs belong to?
SELECT DISTINCT strftime('%Y%m', created_at) AS month
FROM dbjobs_background_job
WHERE id IN (SELECT value FROM json_each(:ids))
ORDER BY 1;
