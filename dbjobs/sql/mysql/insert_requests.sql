-- A batch of the request log and what it adds to the roll-ups, in one transaction and one round trip: both or neither.
-- Each process adds under its own number (counter), so no process ever waits for another one's rows. The server refuses
-- a missing month (1526), and the library makes it and repeats the batch. It keeps a batch small enough for one packet.
-- @rows requests
INSERT INTO dbjobs_request_log (
    at, tie, method, path, query, route, status_code, status_class, duration_ms, user_id, api_key, session_id,
    ip, trace_id, request_bytes, response_bytes, error, meta, month
)
VALUES (
    :at, :tie, :method, :path, :query, :route, :status_code, :status_class, :duration_ms, :user_id, :api_key,
    :session_id, :ip, :trace_id, :request_bytes, :response_bytes, :error, :meta, EXTRACT(YEAR_MONTH FROM :at)
);

INSERT INTO dbjobs_request_stat (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower, month
)
SELECT
    n.kind, n.detail_kind, n.hour, n.name, n.detail, :counter, n.requests, n.errors, n.request_bytes,
    n.request_bytes_min, n.request_bytes_max, n.response_bytes, n.duration_ms, n.duration_min, n.duration_max,
    n.under_ten_ms, n.under_fifty_ms, n.under_hundred_ms, n.under_half_second, n.under_one_second,
    n.under_two_seconds, n.under_five_seconds, n.under_half_minute,
    n.slower, EXTRACT(YEAR_MONTH FROM n.hour)
FROM (
    SELECT *
    FROM JSON_TABLE(:stats, '$[*]' COLUMNS (
        kind VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.kind',
        detail_kind VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.detail_kind', hour DATETIME PATH '$.hour',
        name VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.name',
        detail VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.detail', requests BIGINT PATH '$.requests',
        errors BIGINT PATH '$.errors', request_bytes BIGINT PATH '$.request_bytes',
        request_bytes_min BIGINT PATH '$.request_bytes_min',
        request_bytes_max BIGINT PATH '$.request_bytes_max', response_bytes BIGINT PATH '$.response_bytes',
        duration_ms DOUBLE PATH '$.duration_ms', duration_min DOUBLE PATH '$.duration_min',
        duration_max DOUBLE PATH '$.duration_max', under_ten_ms BIGINT PATH '$.under_ten_ms',
        under_fifty_ms BIGINT PATH '$.under_fifty_ms', under_hundred_ms BIGINT PATH '$.under_hundred_ms',
        under_half_second BIGINT PATH '$.under_half_second', under_one_second BIGINT PATH '$.under_one_second',
        under_two_seconds BIGINT PATH '$.under_two_seconds', under_five_seconds BIGINT PATH '$.under_five_seconds',
        under_half_minute BIGINT PATH '$.under_half_minute', slower BIGINT PATH '$.slower'
    )) AS j
    ORDER BY kind, detail_kind, hour, name, detail
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
