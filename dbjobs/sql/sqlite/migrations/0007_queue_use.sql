-- When was a queue last used? A process that enqueues into it, or sets it, says so about once an hour. Housekeeping
-- drops queues without settings and jobs that nobody has used for long (drop_queues). We remake the table, because
-- SQLite cannot add a column whose default is a moment.
CREATE TABLE dbjobs_job_queue_used (
    queue               TEXT PRIMARY KEY,
    paused              INTEGER NOT NULL DEFAULT 0,
    concurrency         INTEGER,            -- over one node; NULL: as the node was started
    used_at             TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
) STRICT, WITHOUT ROWID;

INSERT INTO dbjobs_job_queue_used (queue, paused, concurrency) SELECT queue, paused, concurrency FROM dbjobs_job_queue;

DROP TABLE dbjobs_job_queue;

ALTER TABLE dbjobs_job_queue_used RENAME TO dbjobs_job_queue;

-- Serves list_queue_settings: there may be a queue per tenant, and few have settings.
CREATE INDEX dbjobs_job_queue_settings ON dbjobs_job_queue (queue) WHERE paused OR concurrency IS NOT NULL;

-- Serves find_unused_queues: oldest first, and only those that may go.
CREATE INDEX dbjobs_job_queue_used ON dbjobs_job_queue (used_at) WHERE NOT paused AND concurrency IS NULL;
