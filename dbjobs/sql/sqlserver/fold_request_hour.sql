-- Folds the rows of an hour, of all counters, into their day (counter 0). The caller holds the schema lock, so one
-- process does it at a time; nobody adds to hours this old. A day may get several rows, one per hour: readers add up.
DECLARE @hour datetime2(6) = :hour, @day datetime2(6) = :day;
BEGIN TRANSACTION;
INSERT INTO dbjobs.request_stat (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower, folded
)
SELECT
    s.kind, s.detail_kind, @day, s.name, s.detail, 0,
    SUM(s.requests), SUM(s.errors), SUM(s.request_bytes), MIN(s.request_bytes_min), MAX(s.request_bytes_max),
    SUM(s.response_bytes), SUM(s.duration_ms), MIN(s.duration_min), MAX(s.duration_max), SUM(s.under_ten_ms),
    SUM(s.under_fifty_ms), SUM(s.under_hundred_ms), SUM(s.under_half_second), SUM(s.under_one_second),
    SUM(s.under_two_seconds),
    SUM(s.under_five_seconds), SUM(s.under_half_minute), SUM(s.slower), 1
FROM dbjobs.request_stat AS s
WHERE s.folded = 0 AND s.hour = @hour
GROUP BY s.kind, s.detail_kind, s.name, s.detail;
DELETE FROM dbjobs.request_stat WHERE folded = 0 AND hour = @hour;
COMMIT TRANSACTION;
