-- A month of the request log and its roll-ups: see make_partition.
SET SESSION lock_wait_timeout = 5;
ALTER TABLE dbjobs_request_log ADD PARTITION (PARTITION m{month} VALUES IN ({month}));
ALTER TABLE dbjobs_request_stat ADD PARTITION (PARTITION m{month} VALUES IN ({month}));
SET SESSION lock_wait_timeout = 20;
