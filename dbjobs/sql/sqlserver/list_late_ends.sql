-- For each month, when did the last job end that did not end in the month of its creation? READPAST: it does not wait
-- for uncommitted rows.
SELECT CONVERT(nvarchar(6), created_month) AS created_month, CONVERT(nvarchar(6), MAX(ended_month)) AS ended_month
FROM dbjobs.late_end WITH (READPAST, READCOMMITTEDLOCK)
GROUP BY created_month;
