-- A batch of the request log and what it adds to the roll-ups, in one transaction and one round trip: both or neither.
-- Each process adds under its own number (counter), so no process ever waits for another one's rows. It skips a row
-- that a fold has locked (READPAST), and begins another one: readers add up.
DECLARE @requests nvarchar(max) = :requests, @stats nvarchar(max) = :stats, @counter bigint = :counter;
DECLARE @added TABLE (
    kind                nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detail_kind         nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    hour                datetime2(6) NOT NULL,
    name                nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detail              nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    requests            bigint NOT NULL,
    errors              bigint NOT NULL,
    request_bytes       bigint NOT NULL,
    request_bytes_min   bigint NOT NULL,
    request_bytes_max   bigint NOT NULL,
    response_bytes      bigint NOT NULL,
    duration_ms         float NOT NULL,
    duration_min        float NOT NULL,
    duration_max        float NOT NULL,
    under_ten_ms            bigint NOT NULL,
    under_fifty_ms            bigint NOT NULL,
    under_hundred_ms           bigint NOT NULL,
    under_half_second           bigint NOT NULL,
    under_one_second          bigint NOT NULL,
    under_two_seconds          bigint NOT NULL,
    under_five_seconds          bigint NOT NULL,
    under_half_minute         bigint NOT NULL,
    slower              bigint NOT NULL,
    row_id              bigint
);

BEGIN TRANSACTION;
INSERT INTO dbjobs.request_log (
    at, tie, method, path, query, route, status_code, status_class, duration_ms, user_id, api_key, session_id,
    ip, trace_id, request_bytes, response_bytes, error, meta
)
SELECT
    r.at, r.tie, r.method, r.path, r.query, r.route, r.status_code, r.status_class, r.duration_ms, r.user_id,
    r.api_key, r.session_id, r.ip, r.trace_id, r.request_bytes, r.response_bytes,
    dbjobs.json_text(JSON_QUERY(item.value, '$.error')),
    SUBSTRING(JSON_QUERY(item.value, '$.meta'), 2, LEN(JSON_QUERY(item.value, '$.meta')) - 2)
FROM OPENJSON(@requests) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    at datetime2(6), tie bigint, method nvarchar(20), path nvarchar(max), query nvarchar(max),
    route nvarchar(510), status_code int, status_class int, duration_ms float, user_id nvarchar(510),
    api_key nvarchar(510), session_id nvarchar(510), ip nvarchar(510), trace_id nvarchar(510),
    request_bytes bigint, response_bytes bigint
) AS r;
INSERT INTO @added (
    kind, detail_kind, hour, name, detail, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower, row_id
)
SELECT
    t.kind, t.detail_kind, t.hour, t.name, t.detail, t.requests, t.errors, t.request_bytes, t.request_bytes_min,
    t.request_bytes_max, t.response_bytes, t.duration_ms, t.duration_min, t.duration_max, t.under_ten_ms,
    t.under_fifty_ms, t.under_hundred_ms, t.under_half_second, t.under_one_second, t.under_two_seconds,
    t.under_five_seconds, t.under_half_minute, t.slower,
    own.id
FROM OPENJSON(@stats) WITH (
    kind nvarchar(20), detail_kind nvarchar(20), hour datetime2(6), name nvarchar(510), detail nvarchar(510),
    requests bigint, errors bigint, request_bytes bigint, request_bytes_min bigint, request_bytes_max bigint,
    response_bytes bigint, duration_ms float, duration_min float, duration_max float, under_ten_ms bigint,
    under_fifty_ms bigint, under_hundred_ms bigint, under_half_second bigint, under_one_second bigint,
    under_two_seconds bigint,
    under_five_seconds bigint, under_half_minute bigint, slower bigint
) AS t
OUTER APPLY (
    SELECT TOP (1) s.id
    FROM dbjobs.request_stat AS s
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (request_stat_key))
    WHERE s.kind = t.kind AND s.detail_kind = t.detail_kind AND s.hour = t.hour AND s.name = t.name
      AND s.detail = t.detail AND s.counter = @counter
) AS own;
UPDATE s
SET
    requests = s.requests + a.requests, errors = s.errors + a.errors,
    request_bytes = s.request_bytes + a.request_bytes,
    request_bytes_min = CASE
        WHEN a.request_bytes_min < s.request_bytes_min THEN a.request_bytes_min ELSE s.request_bytes_min
    END,
    request_bytes_max = CASE
        WHEN a.request_bytes_max > s.request_bytes_max THEN a.request_bytes_max ELSE s.request_bytes_max
    END,
    response_bytes = s.response_bytes + a.response_bytes, duration_ms = s.duration_ms + a.duration_ms,
    duration_min = CASE WHEN a.duration_min < s.duration_min THEN a.duration_min ELSE s.duration_min END,
    duration_max = CASE WHEN a.duration_max > s.duration_max THEN a.duration_max ELSE s.duration_max END,
    under_ten_ms = s.under_ten_ms + a.under_ten_ms, under_fifty_ms = s.under_fifty_ms + a.under_fifty_ms,
    under_hundred_ms = s.under_hundred_ms + a.under_hundred_ms,
    under_half_second = s.under_half_second + a.under_half_second,
    under_one_second = s.under_one_second + a.under_one_second,
    under_two_seconds = s.under_two_seconds + a.under_two_seconds,
    under_five_seconds = s.under_five_seconds + a.under_five_seconds,
    under_half_minute = s.under_half_minute + a.under_half_minute,
    slower = s.slower + a.slower
FROM @added AS a
JOIN dbjobs.request_stat AS s WITH (ROWLOCK, FORCESEEK, INDEX (request_stat_pkey))
    ON s.hour = a.hour AND s.id = a.row_id;
INSERT INTO dbjobs.request_stat (
    kind, detail_kind, hour, name, detail, counter, requests, errors, request_bytes, request_bytes_min,
    request_bytes_max, response_bytes, duration_ms, duration_min, duration_max, under_ten_ms, under_fifty_ms,
    under_hundred_ms,
    under_half_second, under_one_second, under_two_seconds, under_five_seconds, under_half_minute, slower
)
SELECT
    a.kind, a.detail_kind, a.hour, a.name, a.detail, @counter, a.requests, a.errors, a.request_bytes,
    a.request_bytes_min, a.request_bytes_max, a.response_bytes, a.duration_ms, a.duration_min, a.duration_max,
    a.under_ten_ms, a.under_fifty_ms, a.under_hundred_ms, a.under_half_second, a.under_one_second,
    a.under_two_seconds, a.under_five_seconds, a.under_half_minute,
    a.slower
FROM @added AS a
WHERE a.row_id IS NULL;
COMMIT TRANSACTION;
