-- Months that history has a place for, as 'YYYYMM'.
SELECT CONVERT(nvarchar(6), month) AS month FROM dbjobs.history_month ORDER BY month;
