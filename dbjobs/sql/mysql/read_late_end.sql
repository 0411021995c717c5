-- Months in which jobs of an older month ended, for a transfer: the page after a key (created_month, ended_month).
SELECT DISTINCT created_month, ended_month
FROM dbjobs_late_end
WHERE created_month >= :created_month
  AND (created_month > :created_month OR ended_month > :ended_month)
ORDER BY created_month, ended_month
LIMIT :limit;
