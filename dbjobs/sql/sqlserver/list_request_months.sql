-- Months that the request log has a place for, as 'YYYYMM'.
SELECT CONVERT(nvarchar(6), month) AS month FROM dbjobs.request_month ORDER BY month;
