-- How long the texts of the next rows are; read_completed_job reads as many rows at once as fit.
DECLARE @id bigint = :id, @limit int = :limit, @since datetime2(6) = :since, @until datetime2(6) = :until;
SELECT TOP (@limit) id,
    COALESCE(DATALENGTH(request_body), 0) + COALESCE(DATALENGTH(response_body), 0) +
        COALESCE(DATALENGTH(error), 0) + COALESCE(DATALENGTH(errors), 0) +
        COALESCE(DATALENGTH(status), 0) + COALESCE(DATALENGTH(args), 0) + COALESCE(DATALENGTH(meta), 0) AS bytes
FROM dbjobs.completed_job
WHERE created_at >= @since AND created_at < @until
  AND id > @id
ORDER BY id;
