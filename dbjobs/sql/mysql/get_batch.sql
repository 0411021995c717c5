SELECT batch_id, total, completed, failed, cancelled, created_at FROM dbjobs_job_batch WHERE batch_id = :batch_id;
