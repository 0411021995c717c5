-- A month of history: {month} is 'YYYYMM'. Adding to a list moves no row. It waits for open transactions that use the
-- table, and later statements wait behind it, so the wait is short. A partition that exists already is no error.
SET SESSION lock_wait_timeout = 5;
ALTER TABLE dbjobs_completed_job ADD PARTITION (PARTITION m{month} VALUES IN ({month}));
ALTER TABLE dbjobs_failed_job ADD PARTITION (PARTITION m{month} VALUES IN ({month}));
ALTER TABLE dbjobs_job_log ADD PARTITION (PARTITION m{month} VALUES IN ({month}));
SET SESSION lock_wait_timeout = 20;
