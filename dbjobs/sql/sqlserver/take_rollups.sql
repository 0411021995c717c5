-- Takes out rows of one period that are old enough to fold, some at a time; the caller puts their sums in, in the same
-- transaction. It skips rows that another node is folding.
DECLARE @period int = :period, @before bigint = :before, @most int = :most;
DECLARE @taken TABLE (
    period_seconds int NOT NULL,
    starts bigint NOT NULL,
    name nvarchar(64) NOT NULL,
    counter bigint NOT NULL,
    queue nvarchar(510) NOT NULL,
    command nvarchar(510) NOT NULL,
    worker nvarchar(510) NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    retried bigint NOT NULL,
    run_ms float NOT NULL,
    run_histogram nvarchar(max) NOT NULL,
    waits bigint NOT NULL,
    wait_ms float NOT NULL,
    wait_histogram nvarchar(max) NOT NULL
);
DELETE TOP (@most) r
OUTPUT
    deleted.period_seconds, deleted.starts, deleted.name, deleted.counter, deleted.queue, deleted.command,
    deleted.worker, deleted.completed, deleted.failed, deleted.cancelled, deleted.retried, deleted.run_ms,
    deleted.run_histogram, deleted.waits, deleted.wait_ms, deleted.wait_histogram
INTO @taken
FROM dbjobs.job_rollup AS r WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE r.period_seconds = @period AND r.starts < @before;
SELECT (
    SELECT
        t.period_seconds, t.starts, t.name, t.counter, t.queue, t.command, t.worker, t.completed, t.failed,
        t.cancelled, t.retried, t.run_ms, t.run_histogram, t.waits, t.wait_ms, t.wait_histogram
    FROM @taken AS t
    FOR JSON PATH
) AS packed;
