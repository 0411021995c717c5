-- The oldest hour of a month that is not folded into its day yet. An index with only such rows serves it.
DECLARE @since datetime2(6) = :since, @until datetime2(6) = :until;
SELECT TOP (1) CONVERT(nvarchar(19), s.hour, 120) AS hour
FROM dbjobs.request_stat AS s WITH (READPAST, READCOMMITTEDLOCK)
WHERE s.folded = 0 AND s.hour >= @since AND s.hour < @until
ORDER BY s.hour;
