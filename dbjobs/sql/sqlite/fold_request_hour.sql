-- Folds the rows of an hour, of all counters, into their day (counter 0). Nobody adds to hours this old.
-- @requests
INSERT INTO request_stat (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower, folded
)
SELECT
    kind, detail_kind, :day, name, detail, 0,
    sum(requests), sum(errors), sum(request_bytes), min(request_bytes_min), max(request_bytes_max),
    sum(response_bytes), sum(duration_ms), min(duration_min), max(duration_max), sum(under_ten_ms), sum(under_fifty_ms),
    sum(under_hundred_ms), sum(under_half_second), sum(under_one_second), sum(under_two_seconds),
    sum(under_five_seconds), sum(under_half_minute),
    sum(slower), 1
FROM request_stat
WHERE folded = 0 AND hour = :hour
GROUP BY kind, detail_kind, name, detail
ON CONFLICT (kind, detail_kind, hour, name, detail, counter) DO UPDATE
SET
    requests = requests + excluded.requests, errors = errors + excluded.errors,
    request_bytes = request_bytes + excluded.request_bytes,
    request_bytes_min = min(request_bytes_min, excluded.request_bytes_min),
    request_bytes_max = max(request_bytes_max, excluded.request_bytes_max),
    response_bytes = response_bytes + excluded.response_bytes, duration_ms = duration_ms + excluded.duration_ms,
    duration_min = min(duration_min, excluded.duration_min),
    duration_max = max(duration_max, excluded.duration_max), under_ten_ms = under_ten_ms + excluded.under_ten_ms,
    under_fifty_ms = under_fifty_ms + excluded.under_fifty_ms,
    under_hundred_ms = under_hundred_ms + excluded.under_hundred_ms,
    under_half_second = under_half_second + excluded.under_half_second,
    under_one_second = under_one_second + excluded.under_one_second,
    under_two_seconds = under_two_seconds + excluded.under_two_seconds,
    under_five_seconds = under_five_seconds + excluded.under_five_seconds,
    under_half_minute = under_half_minute + excluded.under_half_minute, slower = slower + excluded.slower;

-- @requests
DELETE FROM request_stat WHERE folded = 0 AND hour = :hour;
