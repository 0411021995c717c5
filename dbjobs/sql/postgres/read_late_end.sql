-- Months in which jobs of an older month ended, for a transfer: the page after a key (created_month, ended_month).
SELECT DISTINCT created_month, ended_month
FROM dbjobs.late_end
WHERE (created_month, ended_month) > (:created_month::text, :ended_month::text)
ORDER BY created_month, ended_month
LIMIT :limit::integer;
