-- Takes out rows of one period that are old enough to fold, some at a time; the caller puts their sums in, in the same
-- transaction. It skips rows that another node is folding.
-- It finds them without locks, locks by key, and takes only what it has locked.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(period_seconds, starts, name, counter)), '[]')
INTO @old
FROM (
    SELECT period_seconds, starts, name, counter
    FROM dbjobs_job_rollup FORCE INDEX (PRIMARY)
    WHERE period_seconds = :period AND starts < :before
    ORDER BY period_seconds, starts, name, counter
    LIMIT :most
) old;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(r.period_seconds, r.starts, r.name, r.counter)), '[]')
INTO @old
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    period_seconds INT PATH '$[0]', starts BIGINT PATH '$[1]', name VARCHAR(64) CHARACTER SET utf8mb4 PATH '$[2]',
    counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_rollup r FORCE INDEX (PRIMARY)
    ON r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.name = CONVERT(o.name USING utf8mb4)
    AND r.counter = o.counter
FOR UPDATE /*!50799 OF r */ SKIP LOCKED;

SELECT
    r.period_seconds, r.starts, r.name, r.counter, r.queue, r.command, r.worker, r.completed, r.failed,
    r.cancelled, r.retried, r.run_ms, r.run_histogram, r.waits, r.wait_ms, r.wait_histogram
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    period_seconds INT PATH '$[0]', starts BIGINT PATH '$[1]', name VARCHAR(64) CHARACTER SET utf8mb4 PATH '$[2]',
    counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_rollup r FORCE INDEX (PRIMARY)
    ON r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.name = CONVERT(o.name USING utf8mb4)
    AND r.counter = o.counter;

DELETE r
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    period_seconds INT PATH '$[0]', starts BIGINT PATH '$[1]', name VARCHAR(64) CHARACTER SET utf8mb4 PATH '$[2]',
    counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_rollup r FORCE INDEX (PRIMARY)
    ON r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.name = CONVERT(o.name USING utf8mb4)
    AND r.counter = o.counter;
