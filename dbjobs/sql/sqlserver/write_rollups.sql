-- What a node has counted in a minute so far, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
DECLARE @rows nvarchar(max) = :rows;
DECLARE @row TABLE (
    period_seconds int NOT NULL,
    starts bigint NOT NULL,
    name nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    counter bigint NOT NULL,
    queue nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    worker nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
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
INSERT INTO @row
SELECT
    r.period_seconds, r.starts, r.name, r.counter, r.queue, r.command, r.worker, r.completed, r.failed,
    r.cancelled, r.retried, r.run_ms, r.run_histogram, r.waits, r.wait_ms, r.wait_histogram
FROM OPENJSON(@rows) WITH (
    period_seconds int, starts bigint, name nvarchar(64), counter bigint, queue nvarchar(510),
    command nvarchar(510), worker nvarchar(510), completed bigint, failed bigint, cancelled bigint, retried bigint,
    run_ms float, run_histogram nvarchar(max), waits bigint, wait_ms float, wait_histogram nvarchar(max)
) AS r;

BEGIN TRANSACTION;
UPDATE j
SET
    completed = r.completed, failed = r.failed, cancelled = r.cancelled, retried = r.retried, run_ms = r.run_ms,
    run_histogram = r.run_histogram, waits = r.waits, wait_ms = r.wait_ms, wait_histogram = r.wait_histogram
FROM @row AS r
JOIN dbjobs.job_rollup AS j WITH (ROWLOCK, FORCESEEK)
    ON j.period_seconds = r.period_seconds AND j.starts = r.starts AND j.name = r.name AND j.counter = r.counter;
INSERT INTO dbjobs.job_rollup (
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
)
SELECT
    r.period_seconds, r.starts, r.name, r.counter, r.queue, r.command, r.worker, r.completed, r.failed,
    r.cancelled, r.retried, r.run_ms, r.run_histogram, r.waits, r.wait_ms, r.wait_histogram
FROM @row AS r
WHERE NOT EXISTS (
    SELECT 1
    FROM dbjobs.job_rollup AS j WITH (FORCESEEK)
    WHERE j.period_seconds = r.period_seconds AND j.starts = r.starts AND j.name = r.name AND j.counter = r.counter
);
COMMIT TRANSACTION;
