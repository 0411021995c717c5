-- Sums of one month's requests, for a transfer: the page after a key (kind, detail_kind, hour, name, detail, counter).
-- This sums up rows with the same key.
DECLARE @kind nvarchar(510) = :kind, @detail_kind nvarchar(510) = :detail_kind, @hour datetime2(6) = :hour,
    @name nvarchar(510) = :name, @detail nvarchar(510) = :detail, @counter bigint = :counter,
    @limit int = :limit, @since datetime2(6) = :since, @until datetime2(6) = :until;
SELECT TOP (@limit) kind, detail_kind, hour, name, detail, counter, SUM(requests) AS requests, SUM(errors) AS errors,
    SUM(request_bytes) AS request_bytes, MIN(request_bytes_min) AS request_bytes_min,
    MAX(request_bytes_max) AS request_bytes_max, SUM(response_bytes) AS response_bytes,
    SUM(duration_ms) AS duration_ms, MIN(duration_min) AS duration_min, MAX(duration_max) AS duration_max,
    SUM(under_ten_ms) AS under_ten_ms, SUM(under_fifty_ms) AS under_fifty_ms,
    SUM(under_hundred_ms) AS under_hundred_ms, SUM(under_half_second) AS under_half_second,
    SUM(under_one_second) AS under_one_second, SUM(under_two_seconds) AS under_two_seconds,
    SUM(under_five_seconds) AS under_five_seconds, SUM(under_half_minute) AS under_half_minute,
    SUM(slower) AS slower, CONVERT(bit, MIN(CONVERT(int, folded))) AS folded
FROM dbjobs.request_stat
WHERE hour >= @since AND hour < @until
  AND kind >= @kind
  AND (
      kind > @kind
      OR (kind = @kind AND detail_kind > @detail_kind)
      OR (kind = @kind AND detail_kind = @detail_kind AND hour > @hour)
      OR (kind = @kind AND detail_kind = @detail_kind AND hour = @hour AND name > @name)
      OR (kind = @kind AND detail_kind = @detail_kind AND hour = @hour AND name = @name AND detail > @detail)
      OR (kind = @kind AND detail_kind = @detail_kind AND hour = @hour AND name = @name AND detail = @detail
          AND counter > @counter)
  )
GROUP BY kind, detail_kind, hour, name, detail, counter
ORDER BY kind, detail_kind, hour, name, detail, counter;
