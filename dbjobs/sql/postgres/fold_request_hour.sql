-- Folds the rows of an hour, of all counters, into their day (counter 0). The caller holds the schema lock, so one
-- process does it at a time; nobody adds to hours this old.
WITH old AS (
    DELETE FROM dbjobs.request_stat
    WHERE NOT folded AND hour = (:hour::text || '+00')::timestamptz
    RETURNING *
)
INSERT INTO dbjobs.request_stat AS s (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower, folded
)
SELECT
    kind, detail_kind, (:day::text || '+00')::timestamptz, name, detail, 0,
    sum(requests), sum(errors), sum(request_bytes), min(request_bytes_min), max(request_bytes_max),
    sum(response_bytes), sum(duration_ms), min(duration_min), max(duration_max), sum(under_ten_ms), sum(under_fifty_ms),
    sum(under_hundred_ms), sum(under_half_second), sum(under_one_second), sum(under_two_seconds),
    sum(under_five_seconds), sum(under_half_minute),
    sum(slower), true
FROM old
GROUP BY kind, detail_kind, name, detail
ON CONFLICT (kind, detail_kind, hour, name, detail, counter) DO UPDATE
SET
    requests = s.requests + excluded.requests, errors = s.errors + excluded.errors,
    request_bytes = s.request_bytes + excluded.request_bytes,
    request_bytes_min = least(s.request_bytes_min, excluded.request_bytes_min),
    request_bytes_max = greatest(s.request_bytes_max, excluded.request_bytes_max),
    response_bytes = s.response_bytes + excluded.response_bytes,
    duration_ms = s.duration_ms + excluded.duration_ms,
    duration_min = least(s.duration_min, excluded.duration_min),
    duration_max = greatest(s.duration_max, excluded.duration_max),
    under_ten_ms = s.under_ten_ms + excluded.under_ten_ms,
    under_fifty_ms = s.under_fifty_ms + excluded.under_fifty_ms,
    under_hundred_ms = s.under_hundred_ms + excluded.under_hundred_ms,
    under_half_second = s.under_half_second + excluded.under_half_second,
    under_one_second = s.under_one_second + excluded.under_one_second,
    under_two_seconds = s.under_two_seconds + excluded.under_two_seconds,
    under_five_seconds = s.under_five_seconds + excluded.under_five_seconds,
    under_half_minute = s.under_half_minute + excluded.under_half_minute, slower = s.slower + excluded.slower;
