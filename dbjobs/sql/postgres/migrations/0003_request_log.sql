-- The request log: an application's requests, by month. Jobs touch nothing of it. The process that served the request
-- makes the key: its moment on this database's clock, and a random number. The columns are what lists show and searches
-- ask for; everything else of a request is one JSON text.
CREATE TABLE dbjobs.request_log (
    at              timestamptz NOT NULL,
    tie             bigint NOT NULL,
    method          text NOT NULL,
    path            text NOT NULL,
    query           text,
    route           text COLLATE "C",       -- its template, if the framework tells it
    status_code     integer NOT NULL,
    status_class    integer NOT NULL,       -- 2 for 200 to 299, and so on
    duration_ms     double precision NOT NULL,
    user_id         text COLLATE "C",
    api_key         text COLLATE "C",       -- a hash
    session_id      text COLLATE "C",       -- a hash
    ip              text COLLATE "C",
    trace_id        text COLLATE "C",
    request_bytes   bigint NOT NULL,
    response_bytes  bigint NOT NULL,
    error           text,
    meta            text,
    CONSTRAINT request_log_pkey PRIMARY KEY (at, tie)
) PARTITION BY RANGE (at);
-- Each serves one branch of list_requests. By class, not by code: people look for "5xx".
CREATE INDEX request_log_route ON dbjobs.request_log (route, at, tie) WHERE route IS NOT NULL;
CREATE INDEX request_log_user ON dbjobs.request_log (user_id, at, tie) WHERE user_id IS NOT NULL;
CREATE INDEX request_log_ip ON dbjobs.request_log (ip, at, tie) WHERE ip IS NOT NULL;
CREATE INDEX request_log_status ON dbjobs.request_log (status_class, at, tie);

-- Roll-ups by hour, later by day: of a name (detail_kind is '') or of a pair of names, such as a route and a
-- user. Written with each batch. A row belongs to one writer (counter), so nobody waits for anybody.
CREATE TABLE dbjobs.request_stat (
    kind                text COLLATE "C" NOT NULL,
    detail_kind         text COLLATE "C" NOT NULL,
    hour                timestamptz NOT NULL,
    name                text COLLATE "C" NOT NULL,
    detail              text COLLATE "C" NOT NULL,
    counter             bigint NOT NULL,
    requests            bigint NOT NULL,
    errors              bigint NOT NULL,
    request_bytes       bigint NOT NULL,
    request_bytes_min   bigint NOT NULL,
    request_bytes_max   bigint NOT NULL,
    response_bytes      bigint NOT NULL,
    duration_ms         double precision NOT NULL,
    duration_min        double precision NOT NULL,
    duration_max        double precision NOT NULL,
    under_ten_ms            bigint NOT NULL,    -- each without those before it
    under_fifty_ms            bigint NOT NULL,
    under_hundred_ms           bigint NOT NULL,
    under_half_second           bigint NOT NULL,
    under_one_second          bigint NOT NULL,
    under_two_seconds          bigint NOT NULL,
    under_five_seconds          bigint NOT NULL,
    under_half_minute         bigint NOT NULL,
    slower              bigint NOT NULL,
    folded              boolean NOT NULL DEFAULT false,
    CONSTRAINT request_stat_pkey PRIMARY KEY (kind, detail_kind, hour, name, detail, counter)
) PARTITION BY RANGE (hour);
CREATE INDEX request_stat_loose ON dbjobs.request_stat (hour) WHERE NOT folded;
