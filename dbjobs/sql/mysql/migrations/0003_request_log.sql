-- The request log: an application's requests, by month. Jobs touch nothing of it. The process that served the request
-- makes the key: its moment on this database's clock, and a random number. The columns are what lists show and searches
-- ask for; everything else of a request is one JSON text.
CREATE TABLE IF NOT EXISTS dbjobs_request_log (
    at              DATETIME(6) NOT NULL,
    tie             BIGINT NOT NULL,
    method          VARCHAR(20) NOT NULL,
    path            TEXT NOT NULL,
    query           TEXT,
    route           VARCHAR(255),                           -- its template, if the framework tells it
    status_code     INT NOT NULL,
    status_class    INT NOT NULL,                           -- 2 for 200 to 299, and so on
    duration_ms     DOUBLE NOT NULL,
    user_id         VARCHAR(255),
    api_key         VARCHAR(64),                            -- a hash
    session_id      VARCHAR(64),                            -- a hash
    ip              VARCHAR(64),
    trace_id        VARCHAR(64),
    request_bytes   BIGINT NOT NULL,
    response_bytes  BIGINT NOT NULL,
    error           TEXT,
    meta            LONGTEXT,
    month           INT NOT NULL,
    PRIMARY KEY (at, tie, month),
    -- Each serves one branch of list_requests. By class, not by code: people look for "5xx".
    KEY request_log_route (route, at, tie),
    KEY request_log_user (user_id, at, tie),
    KEY request_log_ip (ip, at, tie),
    KEY request_log_status (status_class, at, tie)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise} ROW_FORMAT=DYNAMIC
PARTITION BY LIST (month) (PARTITION none VALUES IN (0));

-- Roll-ups by hour, later by day: of a name (detail_kind is '') or of a pair of names, such as a route and a
-- user. Written with each batch. A row belongs to one writer (counter), so nobody waits for anybody.
CREATE TABLE IF NOT EXISTS dbjobs_request_stat (
    kind                VARCHAR(20) NOT NULL,
    detail_kind         VARCHAR(20) NOT NULL,
    hour                DATETIME NOT NULL,
    name                VARCHAR(255) NOT NULL,
    detail              VARCHAR(255) NOT NULL,
    counter             BIGINT NOT NULL,
    requests            BIGINT NOT NULL,
    errors              BIGINT NOT NULL,
    request_bytes       BIGINT NOT NULL,
    request_bytes_min   BIGINT NOT NULL,
    request_bytes_max   BIGINT NOT NULL,
    response_bytes      BIGINT NOT NULL,
    duration_ms         DOUBLE NOT NULL,
    duration_min        DOUBLE NOT NULL,
    duration_max        DOUBLE NOT NULL,
    under_ten_ms            BIGINT NOT NULL,                    -- each without those before it
    under_fifty_ms            BIGINT NOT NULL,
    under_hundred_ms           BIGINT NOT NULL,
    under_half_second           BIGINT NOT NULL,
    under_one_second          BIGINT NOT NULL,
    under_two_seconds          BIGINT NOT NULL,
    under_five_seconds          BIGINT NOT NULL,
    under_half_minute         BIGINT NOT NULL,
    slower              BIGINT NOT NULL,
    folded              TINYINT NOT NULL DEFAULT 0,
    month               INT NOT NULL,
    PRIMARY KEY (kind, detail_kind, hour, name, detail, counter, month),
    KEY loose (folded, hour)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise} ROW_FORMAT=DYNAMIC
PARTITION BY LIST (month) (PARTITION none VALUES IN (0));
