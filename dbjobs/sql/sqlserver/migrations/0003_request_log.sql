-- The request log: an application's requests, by month. Jobs touch nothing of it. The process that served the request
-- makes the key: its moment on this database's clock, and a random number. The columns are what lists show and searches
-- ask for; everything else of a request is one JSON text.
CREATE TABLE dbjobs.request_log (
    at              datetime2(6) NOT NULL,
    tie             bigint NOT NULL,
    method          nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    path            nvarchar(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    query           nvarchar(max),
    route           nvarchar(510) COLLATE Latin1_General_100_BIN2,      -- its template, if the framework tells it
    status_code     int NOT NULL,
    status_class    int NOT NULL,                                       -- 2 for 200 to 299, and so on
    duration_ms     float NOT NULL,
    user_id         nvarchar(510) COLLATE Latin1_General_100_BIN2,
    api_key         nvarchar(64) COLLATE Latin1_General_100_BIN2,       -- a hash
    session_id      nvarchar(64) COLLATE Latin1_General_100_BIN2,       -- a hash
    ip              nvarchar(64) COLLATE Latin1_General_100_BIN2,
    trace_id        nvarchar(64) COLLATE Latin1_General_100_BIN2,
    request_bytes   bigint NOT NULL,
    response_bytes  bigint NOT NULL,
    error           nvarchar(max),
    meta            nvarchar(max)
);

-- Roll-ups by hour, later by day: of a name (detail_kind is '') or of a pair of names, such as a route and a
-- user. Written with each batch. A row belongs to one writer (counter), so nobody waits for anybody.
CREATE TABLE dbjobs.request_stat (
    id                  bigint IDENTITY(1, 1) NOT NULL,
    kind                nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detail_kind         nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    hour                datetime2(6) NOT NULL,
    name                nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detail              nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    counter             bigint NOT NULL,
    requests            bigint NOT NULL,
    errors              bigint NOT NULL,
    request_bytes       bigint NOT NULL,
    request_bytes_min   bigint NOT NULL,
    request_bytes_max   bigint NOT NULL,
    response_bytes      bigint NOT NULL,
    duration_ms         float NOT NULL,
    duration_min        float NOT NULL,
    duration_max        float NOT NULL,
    under_ten_ms            bigint NOT NULL,    -- each without those before it
    under_fifty_ms            bigint NOT NULL,
    under_hundred_ms           bigint NOT NULL,
    under_half_second           bigint NOT NULL,
    under_one_second          bigint NOT NULL,
    under_two_seconds          bigint NOT NULL,
    under_five_seconds          bigint NOT NULL,
    under_half_minute         bigint NOT NULL,
    slower              bigint NOT NULL,
    folded              bit NOT NULL DEFAULT 0
);

-- Months that the request log has a place for, as numbers (202607).
CREATE TABLE dbjobs.request_month (month int NOT NULL CONSTRAINT request_month_pkey PRIMARY KEY);
GO

-- Partitioned by month if the history of jobs is.
DECLARE @partitioned bit = (SELECT TOP (1) partitioned FROM dbjobs.history_layout);
DECLARE @on_log nvarchar(200) = N'', @on_stat nvarchar(200) = N'';
IF @partitioned = 1
BEGIN
    EXEC (N'CREATE PARTITION FUNCTION dbjobs_requests (datetime2(6)) AS RANGE RIGHT FOR VALUES ()');
    EXEC (N'CREATE PARTITION SCHEME dbjobs_requests AS PARTITION dbjobs_requests ALL TO ([PRIMARY])');
    SET @on_log = N' ON dbjobs_requests (at)';
    SET @on_stat = N' ON dbjobs_requests (hour)';
END;
EXEC (N'ALTER TABLE dbjobs.request_log ADD CONSTRAINT request_log_pkey PRIMARY KEY CLUSTERED (at, tie)' + @on_log);
EXEC (N'ALTER TABLE dbjobs.request_stat ADD CONSTRAINT request_stat_pkey PRIMARY KEY CLUSTERED (hour, id)' + @on_stat);
GO

ALTER TABLE dbjobs.request_log SET (LOCK_ESCALATION = DISABLE);
ALTER TABLE dbjobs.request_stat SET (LOCK_ESCALATION = DISABLE);
-- Each serves one branch of list_requests. By class, not by code: people look for "5xx".
CREATE INDEX request_log_route ON dbjobs.request_log (route, at, tie) WHERE route IS NOT NULL;
CREATE INDEX request_log_user ON dbjobs.request_log (user_id, at, tie) WHERE user_id IS NOT NULL;
CREATE INDEX request_log_ip ON dbjobs.request_log (ip, at, tie) WHERE ip IS NOT NULL;
CREATE INDEX request_log_status ON dbjobs.request_log (status_class, at, tie);
-- Serves list_request_stats and insert_requests. A key may have 1,700 bytes: names have at most 200 characters.
CREATE INDEX request_stat_key ON dbjobs.request_stat (kind, detail_kind, hour, name, counter) INCLUDE (detail);
CREATE INDEX request_stat_loose ON dbjobs.request_stat (hour) WHERE folded = 0;
