-- Months that history has a place for, as 'YYYYMM': `months` are those with a file (from the names in the folder), the
-- others get theirs when their jobs are copied.
SELECT value AS month FROM json_each(:months)
UNION
SELECT strftime('%Y%m', created_at) FROM dbjobs_finished_job
ORDER BY 1;
