-- How long the texts of the next rows are; read_job_log reads as many rows at once as fit.
DECLARE @job_id bigint = :job_id, @id bigint = :id, @limit int = :limit, @since datetime2(6) = :since,
    @until datetime2(6) = :until;
SELECT TOP (@limit) id,
    COALESCE(DATALENGTH(message), 0) AS bytes
FROM dbjobs.job_log
WHERE job_created_at >= @since AND job_created_at < @until
  AND job_id >= @job_id
  AND (job_id > @job_id OR id > @id)
ORDER BY job_id, id;
