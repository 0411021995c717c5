DECLARE @batch_id nvarchar(510) = :batch_id;
SELECT batch_id, total, completed, failed, cancelled, created_at FROM dbjobs.job_batch WHERE batch_id = @batch_id;
