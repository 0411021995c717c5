SELECT queue, paused, concurrency FROM dbjobs.job_queue ORDER BY queue;
