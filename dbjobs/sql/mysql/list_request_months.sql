-- Months that the request log has both partitions for, as 'YYYYMM'.
SELECT SUBSTRING(PARTITION_NAME, 2) AS month
FROM information_schema.PARTITIONS
WHERE TABLE_SCHEMA = DATABASE()
  AND TABLE_NAME IN ('dbjobs_request_log', 'dbjobs_request_stat')
  AND PARTITION_NAME <> 'none'
GROUP BY PARTITION_NAME
HAVING COUNT(*) = 2
ORDER BY PARTITION_NAME;
