-- For each month, when did the last job end that did not end in the month of its creation?
SELECT CAST(created_month AS CHAR) AS created_month, CAST(MAX(ended_month) AS CHAR) AS ended_month
FROM dbjobs_late_end
GROUP BY created_month;
