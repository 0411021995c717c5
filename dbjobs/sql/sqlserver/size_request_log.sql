-- How long the texts of the next rows are; read_request_log reads as many rows at once as fit.
DECLARE @at datetime2(6) = :at, @tie bigint = :tie, @limit int = :limit, @since datetime2(6) = :since,
    @until datetime2(6) = :until;
SELECT TOP (@limit) tie,
    COALESCE(DATALENGTH(path), 0) + COALESCE(DATALENGTH(query), 0) + COALESCE(DATALENGTH(error), 0) +
        COALESCE(DATALENGTH(meta), 0) AS bytes
FROM dbjobs.request_log
WHERE at >= @since AND at < @until
  AND at >= @at
  AND (at > @at OR tie > @tie)
ORDER BY at, tie;
