-- Months that have all three partitions, as 'YYYYMM'.
SELECT SUBSTRING(PARTITION_NAME, 2) AS month
FROM information_schema.PARTITIONS
WHERE TABLE_SCHEMA = DATABASE()
  AND TABLE_NAME IN ('dbjobs_completed_job', 'dbjobs_failed_job', 'dbjobs_job_log')
  AND PARTITION_NAME <> 'none'
GROUP BY PARTITION_NAME
HAVING COUNT(*) = 3
ORDER BY PARTITION_NAME;
