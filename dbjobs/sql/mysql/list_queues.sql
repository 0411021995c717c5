SELECT queue, paused, concurrency FROM dbjobs_job_queue ORDER BY queue;
