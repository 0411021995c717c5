-- The months for which this file holds something that belongs into theirs.
SELECT strftime('%Y%m', created_at) AS month FROM dbjobs_finished_job
UNION
SELECT strftime('%Y%m', job_created_at) FROM dbjobs_job_log
UNION
SELECT strftime('%Y%m', created_at) FROM dbjobs_requeued_job
ORDER BY 1;
