-- Lists newly used queues, and marks known ones as still in use, at most twice an hour: processes ask for each name
-- about once an hour. Not INSERT IGNORE: it would also hide errors. An update to the same value writes nothing.
-- @each queues
INSERT INTO dbjobs_job_queue (queue) VALUES (:value) ON DUPLICATE KEY UPDATE
    used_at = IF(used_at < UTC_TIMESTAMP(6) - INTERVAL 30 MINUTE, UTC_TIMESTAMP(6), used_at);
