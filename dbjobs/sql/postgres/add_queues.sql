INSERT INTO dbjobs.job_queue (queue) SELECT unnest(:queues::text[]) ORDER BY 1 ON CONFLICT (queue) DO NOTHING;
