-- For each month, when did the last job end that did not end in the month of its creation?
SELECT created_month, max(ended_month) AS ended_month FROM dbjobs.late_end GROUP BY created_month;
