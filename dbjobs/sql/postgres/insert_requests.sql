-- A batch of the request log and what it adds to the roll-ups, in one statement and one commit: both or neither.
-- Each process adds under its own number (counter), so no process ever waits for another one's rows. The rows come in
-- key order. The server refuses a missing month, and the library makes it and repeats the batch.
WITH logged AS (
    INSERT INTO dbjobs.request_log (
        at, tie, method, path, query, route, status_code, status_class, duration_ms, user_id, api_key,
        session_id, ip, trace_id, request_bytes, response_bytes, error, meta
    )
    SELECT
        (r.at || '+00')::timestamptz, r.tie, r.method, r.path, r.query, r.route, r.status_code, r.status_class,
        r.duration_ms, r.user_id, r.api_key, r.session_id, r.ip, r.trace_id, r.request_bytes, r.response_bytes,
        r.error, r.meta
    FROM unnest(
        :requests.at::text[], :requests.tie::bigint[], :requests.method::text[], :requests.path::text[],
        :requests.query::text[], :requests.route::text[], :requests.status_code::integer[],
        :requests.status_class::integer[], :requests.duration_ms::double precision[], :requests.user_id::text[],
        :requests.api_key::text[], :requests.session_id::text[], :requests.ip::text[],
        :requests.trace_id::text[], :requests.request_bytes::bigint[], :requests.response_bytes::bigint[],
        :requests.error::text[], :requests.meta::text[]
    ) AS r (
        at, tie, method, path, query, route, status_code, status_class, duration_ms, user_id, api_key,
        session_id, ip, trace_id, request_bytes, response_bytes, error, meta
    )
)
INSERT INTO dbjobs.request_stat AS s (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower
)
SELECT
    t.kind, t.detail_kind, (t.hour || '+00')::timestamptz, t.name, t.detail, :counter::bigint, t.requests,
    t.errors, t.request_bytes, t.request_bytes_min, t.request_bytes_max, t.response_bytes, t.duration_ms,
    t.duration_min, t.duration_max, t.under_ten_ms, t.under_fifty_ms, t.under_hundred_ms, t.under_half_second,
    t.under_one_second,
    t.under_two_seconds, t.under_five_seconds, t.under_half_minute, t.slower
FROM unnest(
    :stats.kind::text[], :stats.detail_kind::text[], :stats.hour::text[], :stats.name::text[],
    :stats.detail::text[], :stats.requests::bigint[], :stats.errors::bigint[], :stats.request_bytes::bigint[],
    :stats.request_bytes_min::bigint[], :stats.request_bytes_max::bigint[], :stats.response_bytes::bigint[],
    :stats.duration_ms::double precision[], :stats.duration_min::double precision[],
    :stats.duration_max::double precision[], :stats.under_ten_ms::bigint[], :stats.under_fifty_ms::bigint[],
    :stats.under_hundred_ms::bigint[], :stats.under_half_second::bigint[], :stats.under_one_second::bigint[],
    :stats.under_two_seconds::bigint[], :stats.under_five_seconds::bigint[], :stats.under_half_minute::bigint[],
    :stats.slower::bigint[]
) AS t (
    kind, detail_kind, hour, name, detail, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower
)
ORDER BY t.kind, t.detail_kind, t.hour, t.name, t.detail
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
