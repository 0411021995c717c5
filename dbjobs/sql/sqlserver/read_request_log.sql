-- Logged requests of one month, for a transfer: the page after a key (at, tie).
DECLARE @at datetime2(6) = :at, @tie bigint = :tie, @limit int = :limit, @since datetime2(6) = :since,
    @until datetime2(6) = :until;
SELECT TOP (@limit) *
FROM dbjobs.request_log
WHERE at >= @since AND at < @until
  AND at >= @at
  AND (at > @at OR tie > @tie)
ORDER BY at, tie;
