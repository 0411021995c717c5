-- What a node has counted in a minute so far, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
INSERT INTO dbjobs_job_rollup (
    period_seconds, starts, name, counter, queue, command, worker, completed, failed, cancelled, retried, run_ms,
    run_histogram, waits, wait_ms, wait_histogram
)
SELECT
    n.period_seconds, n.starts, n.name, n.counter, n.queue, n.command, n.worker, n.completed, n.failed,
    n.cancelled, n.retried, n.run_ms, n.run_histogram, n.waits, n.wait_ms, n.wait_histogram
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    period_seconds INT PATH '$.period_seconds', starts BIGINT PATH '$.starts',
    name VARCHAR(64) CHARACTER SET utf8mb4 PATH '$.name', counter BIGINT PATH '$.counter',
    queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.queue',
    command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.command',
    worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker', completed BIGINT PATH '$.completed',
    failed BIGINT PATH '$.failed', cancelled BIGINT PATH '$.cancelled', retried BIGINT PATH '$.retried',
    run_ms DOUBLE PATH '$.run_ms', run_histogram LONGTEXT CHARACTER SET utf8mb4 PATH '$.run_histogram',
    waits BIGINT PATH '$.waits', wait_ms DOUBLE PATH '$.wait_ms',
    wait_histogram LONGTEXT CHARACTER SET utf8mb4 PATH '$.wait_histogram'
)) AS n
ON DUPLICATE KEY UPDATE
    completed = n.completed, failed = n.failed, cancelled = n.cancelled, retried = n.retried, run_ms = n.run_ms,
    run_histogram = n.run_histogram, waits = n.waits, wait_ms = n.wait_ms, wait_histogram = n.wait_histogram;
