-- When was a queue last used? A process that enqueues into it, or sets it, says so about once an hour. Housekeeping
-- drops queues without settings and jobs that nobody has used for long (drop_queues).
ALTER TABLE dbjobs.job_queue ADD COLUMN used_at timestamptz NOT NULL DEFAULT clock_timestamp();
-- Serves find_unused_queues: oldest first, and only those that may go.
CREATE INDEX job_queue_used ON dbjobs.job_queue (used_at) WHERE NOT paused AND concurrency IS NULL;
