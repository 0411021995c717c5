-- Months that the request log has a file for, as 'YYYYMM' (from the names in the folder).
SELECT value AS month FROM json_each(:request_months) ORDER BY 1;
