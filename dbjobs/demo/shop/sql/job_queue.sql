-- A queue is known once it has had a job.
INSERT OR IGNORE INTO dbjobs_job_queue (queue) VALUES (:queue);
