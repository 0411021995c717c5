-- Not INSERT IGNORE: it would also hide errors. An update to the same value writes nothing.
-- @each queues
INSERT INTO dbjobs_job_queue (queue) VALUES (:value) ON DUPLICATE KEY UPDATE paused = paused;
