-- Failed and cancelled jobs of one month, for a transfer: the page after a key (id).
DECLARE @id bigint = :id, @limit int = :limit, @since datetime2(6) = :since, @until datetime2(6) = :until;
SELECT TOP (@limit) *
FROM dbjobs.failed_job
WHERE created_at >= @since AND created_at < @until
  AND id > @id
ORDER BY id;
