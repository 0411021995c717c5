-- The months' files have it all, durably. No WHERE: SQLite then drops the pages without visiting the rows,
-- and the write lock held since the copy means that nothing else can be in these tables.
DELETE FROM dbjobs_finished_job;
DELETE FROM dbjobs_job_log;
DELETE FROM dbjobs_requeued_job;
