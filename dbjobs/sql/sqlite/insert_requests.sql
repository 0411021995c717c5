-- A batch of the request log and what it adds to the roll-ups, in one transaction: both or neither. In the file of the
-- month (:month), so it neither takes nor waits for the write lock of the jobs. If the month has no file,
-- this fails, and the library makes it and repeats the batch.
-- @requests
INSERT INTO request_log (
    at, tie, method, path, query, route, status_code, status_class, duration_ms, user_id, api_key, session_id,
    ip, trace_id, request_bytes, response_bytes, error, meta
)
SELECT
    json_extract(r.value, '$[0]'), json_extract(r.value, '$[1]'), json_extract(r.value, '$[2]'),
    json_extract(r.value, '$[3]'), json_extract(r.value, '$[4]'), json_extract(r.value, '$[5]'),
    json_extract(r.value, '$[6]'), json_extract(r.value, '$[7]'), json_extract(r.value, '$[8]'),
    json_extract(r.value, '$[9]'), json_extract(r.value, '$[10]'), json_extract(r.value, '$[11]'),
    json_extract(r.value, '$[12]'), json_extract(r.value, '$[13]'), json_extract(r.value, '$[14]'),
    json_extract(r.value, '$[15]'), json_extract(r.value, '$[16]'), json_extract(r.value, '$[17]')
FROM json_each(:requests) AS r;

-- @requests
INSERT INTO request_stat (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower
)
SELECT
    json_extract(s.value, '$[0]'), json_extract(s.value, '$[1]'), json_extract(s.value, '$[2]'),
    json_extract(s.value, '$[3]'), json_extract(s.value, '$[4]'), :counter, json_extract(s.value, '$[5]'),
    json_extract(s.value, '$[6]'), json_extract(s.value, '$[7]'), json_extract(s.value, '$[8]'),
    json_extract(s.value, '$[9]'), json_extract(s.value, '$[10]'), json_extract(s.value, '$[11]'),
    json_extract(s.value, '$[12]'), json_extract(s.value, '$[13]'), json_extract(s.value, '$[14]'),
    json_extract(s.value, '$[15]'), json_extract(s.value, '$[16]'), json_extract(s.value, '$[17]'),
    json_extract(s.value, '$[18]'), json_extract(s.value, '$[19]'), json_extract(s.value, '$[20]'),
    json_extract(s.value, '$[21]'), json_extract(s.value, '$[22]')
FROM json_each(:stats) AS s
WHERE true
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
