-- Retention: whole months go, never rows. If a table is not free at once, it is tried again later instead of queueing
-- up ahead of writers. A partition that is already gone is no error.
SET SESSION lock_wait_timeout = 2;
ALTER TABLE dbjobs_request_log DROP PARTITION m{month};
ALTER TABLE dbjobs_request_stat DROP PARTITION m{month};
SET SESSION lock_wait_timeout = 20;
