-- For each month, when did the last job end that did not end in the month of its creation? Including jobs not copied
-- yet.
SELECT created_month, max(ended_month) AS ended_month
FROM (
    SELECT created_month, ended_month FROM dbjobs_late_end
    UNION ALL
    SELECT strftime('%Y%m', created_at), strftime('%Y%m', completed_at) FROM dbjobs_finished_job
)
GROUP BY created_month;
