-- The months' files have it all, durably. No WHERE: SQLite then drops the pages without visiting the rows,
-- and the write lock held since the copy means that nothing else can be in these tables.
INSERT INTO dbjobs_month_range (month, first_id, last_id)
SELECT month, min(id), max(id)
FROM (
    SELECT strftime('%Y%m', created_at) AS month, id FROM dbjobs_finished_job
    UNION ALL
    SELECT strftime('%Y%m', job_created_at), job_id FROM dbjobs_job_log
)
GROUP BY month
ON CONFLICT (month) DO UPDATE
SET first_id = min(first_id, excluded.first_id), last_id = max(last_id, excluded.last_id);

INSERT OR IGNORE INTO dbjobs_late_end (created_month, ended_month)
SELECT strftime('%Y%m', created_at), strftime('%Y%m', completed_at)
FROM dbjobs_finished_job
WHERE strftime('%Y%m', created_at) < strftime('%Y%m', completed_at);

DELETE FROM dbjobs_finished_job;
DELETE FROM dbjobs_job_log;
DELETE FROM dbjobs_requeued_job;
