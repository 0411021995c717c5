-- Lists newly used queues, and marks known ones as still in use, at most twice an hour: processes ask for each name
-- about once an hour.
INSERT INTO dbjobs_job_queue (queue)
SELECT value FROM json_each(:queues) WHERE true
ON CONFLICT (queue) DO UPDATE SET used_at = excluded.used_at
WHERE used_at < strftime('%Y-%m-%d %H:%M:%f', 'now', '-30 minutes');
