-- Retention: whole months go, never rows. If a table cannot be had at once it is tried again later rather than wait in
-- front of those who write. A partition that has gone already is no error.
SET SESSION lock_wait_timeout = 2;
ALTER TABLE dbjobs_request_log DROP PARTITION m{month};
ALTER TABLE dbjobs_request_stat DROP PARTITION m{month};
SET SESSION lock_wait_timeout = 20;
