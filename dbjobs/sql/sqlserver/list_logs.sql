DECLARE @job_id bigint = :job_id, @after_id bigint = :after_id, @limit int = :limit;
SELECT (
    SELECT TOP (@limit) id, job_id, attempt, at, level, message
    FROM dbjobs.job_log
    WHERE job_id = @job_id AND id > @after_id
    ORDER BY id
    FOR JSON PATH
) AS packed;
