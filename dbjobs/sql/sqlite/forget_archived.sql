-- The months' files have everything, durably. No WHERE: SQLite then drops the pages without visiting the rows,
-- and because we have held the write lock since the copy, nothing else can be in these tables.
DELETE FROM dbjobs_finished_job;
DELETE FROM dbjobs_job_log;
DELETE FROM dbjobs_requeued_job;
