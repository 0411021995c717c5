-- When was a queue last used? A process that enqueues into it, or sets it, says so about once an hour. Housekeeping
-- drops queues without settings and jobs that nobody has used for long (drop_queues). `used` serves find_unused_queues.
-- One ALTER, because DDL commits: a repeat finds both changes or none.
ALTER TABLE dbjobs_job_queue
    ADD COLUMN used_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    ADD KEY used (paused, used_at);
