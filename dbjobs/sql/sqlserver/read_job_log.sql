-- Log lines of one month's jobs, for a transfer: the page after a key (job_id, id).
DECLARE @job_id bigint = :job_id, @id bigint = :id, @limit int = :limit, @since datetime2(6) = :since,
    @until datetime2(6) = :until;
SELECT TOP (@limit) id, job_id, job_created_at, attempt, at, level, message
FROM dbjobs.job_log
WHERE job_created_at >= @since AND job_created_at < @until
  AND job_id >= @job_id
  AND (job_id > @job_id OR id > @id)
ORDER BY job_id, id;
