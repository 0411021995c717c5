-- A month of history: {month} is 'YYYYMM', {from} and {to} are the first days of this month and the next, UTC.
-- Made separately and then attached: ATTACH takes SHARE UPDATE EXCLUSIVE on the parent, so jobs go on
-- finishing, while CREATE ... PARTITION OF would stop them. The CHECK saves the attach its scan.
SET LOCAL lock_timeout = '5s';
CREATE TABLE IF NOT EXISTS dbjobs.completed_job_{month} (
    LIKE dbjobs.completed_job INCLUDING DEFAULTS INCLUDING INDEXES,
    CHECK (created_at >= '{from}+00' AND created_at < '{to}+00')
);
CREATE TABLE IF NOT EXISTS dbjobs.failed_job_{month} (
    LIKE dbjobs.failed_job INCLUDING DEFAULTS INCLUDING INDEXES,
    CHECK (created_at >= '{from}+00' AND created_at < '{to}+00')
);
CREATE TABLE IF NOT EXISTS dbjobs.job_log_{month} (
    LIKE dbjobs.job_log INCLUDING DEFAULTS INCLUDING INDEXES,
    CHECK (job_created_at >= '{from}+00' AND job_created_at < '{to}+00')
);
ALTER TABLE dbjobs.completed_job ATTACH PARTITION dbjobs.completed_job_{month}
    FOR VALUES FROM ('{from}+00') TO ('{to}+00');
ALTER TABLE dbjobs.failed_job ATTACH PARTITION dbjobs.failed_job_{month}
    FOR VALUES FROM ('{from}+00') TO ('{to}+00');
ALTER TABLE dbjobs.job_log ATTACH PARTITION dbjobs.job_log_{month}
    FOR VALUES FROM ('{from}+00') TO ('{to}+00');
