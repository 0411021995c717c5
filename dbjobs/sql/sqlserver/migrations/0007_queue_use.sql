-- When was a queue last used? A process that enqueues into it, or sets it, says so about once an hour. Housekeeping
-- drops queues without settings and jobs that nobody has used for long (drop_queues).
ALTER TABLE dbjobs.job_queue ADD used_at datetime2(6) NOT NULL
    CONSTRAINT job_queue_used_at DEFAULT SYSUTCDATETIME() WITH VALUES;
GO
-- Serves find_unused_queues: oldest first, and only those that may go.
CREATE INDEX job_queue_used ON dbjobs.job_queue (used_at) INCLUDE (queue) WHERE paused = 0 AND concurrency IS NULL;
