INSERT INTO dbjobs_job_queue (queue)
SELECT value FROM json_each(:queues) WHERE true
ON CONFLICT (queue) DO NOTHING;
