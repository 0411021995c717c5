-- A month of the request log and its roll-ups: see make_partition.
SET LOCAL lock_timeout = '5s';
CREATE TABLE IF NOT EXISTS dbjobs.request_log_{month} (
    LIKE dbjobs.request_log INCLUDING DEFAULTS INCLUDING INDEXES,
    CHECK (at >= '{from}+00' AND at < '{to}+00')
);
CREATE TABLE IF NOT EXISTS dbjobs.request_stat_{month} (
    LIKE dbjobs.request_stat INCLUDING DEFAULTS INCLUDING INDEXES,
    CHECK (hour >= '{from}+00' AND hour < '{to}+00')
) WITH (fillfactor = 70);
ALTER TABLE dbjobs.request_log ATTACH PARTITION dbjobs.request_log_{month}
    FOR VALUES FROM ('{from}+00') TO ('{to}+00');
ALTER TABLE dbjobs.request_stat ATTACH PARTITION dbjobs.request_stat_{month}
    FOR VALUES FROM ('{from}+00') TO ('{to}+00');
