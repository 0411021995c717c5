-- Folds the rows of an hour, of all counters, into their day (counter 0). The caller holds the schema lock, so one
-- process does it at a time; nobody adds to hours this old.
INSERT INTO dbjobs_request_stat (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower, month, folded
)
SELECT
    kind, detail_kind, :day, name, detail, 0,
    requests, errors, request_bytes, request_bytes_min, request_bytes_max, response_bytes, duration_ms,
    duration_min, duration_max, under_ten_ms, under_fifty_ms, under_hundred_ms, under_half_second, under_one_second,
    under_two_seconds, under_five_seconds,
    under_half_minute, slower, :month, 1
FROM (
    SELECT kind, detail_kind, name, detail,
        SUM(s.requests) AS requests, SUM(s.errors) AS errors, SUM(s.request_bytes) AS request_bytes,
        MIN(s.request_bytes_min) AS request_bytes_min, MAX(s.request_bytes_max) AS request_bytes_max,
        SUM(s.response_bytes) AS response_bytes, SUM(s.duration_ms) AS duration_ms,
        MIN(s.duration_min) AS duration_min, MAX(s.duration_max) AS duration_max, SUM(s.under_ten_ms) AS under_ten_ms,
        SUM(s.under_fifty_ms) AS under_fifty_ms, SUM(s.under_hundred_ms) AS under_hundred_ms,
        SUM(s.under_half_second) AS under_half_second,
        SUM(s.under_one_second) AS under_one_second, SUM(s.under_two_seconds) AS under_two_seconds,
        SUM(s.under_five_seconds) AS under_five_seconds,
        SUM(s.under_half_minute) AS under_half_minute, SUM(s.slower) AS slower
    FROM dbjobs_request_stat s FORCE INDEX (loose)
    WHERE s.folded = 0 AND s.month = :month AND s.hour = :hour
    GROUP BY kind, detail_kind, name, detail
) n
ON DUPLICATE KEY UPDATE
    requests = dbjobs_request_stat.requests + n.requests, errors = dbjobs_request_stat.errors + n.errors,
    request_bytes = dbjobs_request_stat.request_bytes + n.request_bytes,
    request_bytes_min = LEAST(dbjobs_request_stat.request_bytes_min, n.request_bytes_min),
    request_bytes_max = GREATEST(dbjobs_request_stat.request_bytes_max, n.request_bytes_max),
    response_bytes = dbjobs_request_stat.response_bytes + n.response_bytes,
    duration_ms = dbjobs_request_stat.duration_ms + n.duration_ms,
    duration_min = LEAST(dbjobs_request_stat.duration_min, n.duration_min),
    duration_max = GREATEST(dbjobs_request_stat.duration_max, n.duration_max),
    under_ten_ms = dbjobs_request_stat.under_ten_ms + n.under_ten_ms,
    under_fifty_ms = dbjobs_request_stat.under_fifty_ms + n.under_fifty_ms,
    under_hundred_ms = dbjobs_request_stat.under_hundred_ms + n.under_hundred_ms,
    under_half_second = dbjobs_request_stat.under_half_second + n.under_half_second,
    under_one_second = dbjobs_request_stat.under_one_second + n.under_one_second,
    under_two_seconds = dbjobs_request_stat.under_two_seconds + n.under_two_seconds,
    under_five_seconds = dbjobs_request_stat.under_five_seconds + n.under_five_seconds,
    under_half_minute = dbjobs_request_stat.under_half_minute + n.under_half_minute,
    slower = dbjobs_request_stat.slower + n.slower;

DELETE FROM dbjobs_request_stat WHERE folded = 0 AND month = :month AND hour = :hour;
