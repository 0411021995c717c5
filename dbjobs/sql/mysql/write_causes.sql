-- Why attempts failed in an hour on one node, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
INSERT INTO dbjobs_job_cause (
    period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample
)
SELECT
    n.period_seconds, n.starts, n.cause, n.counter, n.command, n.code, n.frame, n.jobs, n.attempts, n.first_at,
    n.last_at, n.message, n.sample
FROM JSON_TABLE(:rows, '$[*]' COLUMNS (
    period_seconds INT PATH '$.period_seconds', starts BIGINT PATH '$.starts',
    cause VARCHAR(64) CHARACTER SET utf8mb4 PATH '$.cause', counter BIGINT PATH '$.counter',
    command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.command', code LONGTEXT CHARACTER SET utf8mb4 PATH '$.code',
    frame LONGTEXT CHARACTER SET utf8mb4 PATH '$.frame', jobs BIGINT PATH '$.jobs', attempts BIGINT PATH '$.attempts',
    first_at DOUBLE PATH '$.first_at', last_at DOUBLE PATH '$.last_at',
    message LONGTEXT CHARACTER SET utf8mb4 PATH '$.message', sample LONGTEXT CHARACTER SET utf8mb4 PATH '$.sample'
)) AS n
ON DUPLICATE KEY UPDATE
    jobs = n.jobs, attempts = n.attempts, first_at = n.first_at, last_at = n.last_at, message = n.message,
    sample = n.sample;
