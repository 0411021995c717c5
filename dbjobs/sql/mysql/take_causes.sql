-- Takes out rows of one period that are old enough to fold or to forget, some at a time; the caller of a fold puts
-- their sums in, in the same transaction. It skips rows that another node has locked. It finds them without locks,
-- locks by key, and takes only what it has locked.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(period_seconds, starts, cause, counter)), '[]')
INTO @old
FROM (
    SELECT period_seconds, starts, cause, counter
    FROM dbjobs_job_cause FORCE INDEX (PRIMARY)
    WHERE period_seconds = :period AND starts < :before
    ORDER BY period_seconds, starts, cause, counter
    LIMIT :most
) old;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(r.period_seconds, r.starts, r.cause, r.counter)), '[]')
INTO @old
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    period_seconds INT PATH '$[0]', starts BIGINT PATH '$[1]', cause VARCHAR(64) CHARACTER SET utf8mb4 PATH '$[2]',
    counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_cause r FORCE INDEX (PRIMARY)
    ON r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.cause = CONVERT(o.cause USING utf8mb4)
    AND r.counter = o.counter
FOR UPDATE /*!50799 OF r */ SKIP LOCKED;

SELECT
    r.period_seconds, r.starts, r.cause, r.counter, r.command, r.code, r.frame, r.jobs, r.attempts, r.first_at,
    r.last_at, r.message, r.sample
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    period_seconds INT PATH '$[0]', starts BIGINT PATH '$[1]', cause VARCHAR(64) CHARACTER SET utf8mb4 PATH '$[2]',
    counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_cause r FORCE INDEX (PRIMARY)
    ON r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.cause = CONVERT(o.cause USING utf8mb4)
    AND r.counter = o.counter;

DELETE r
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    period_seconds INT PATH '$[0]', starts BIGINT PATH '$[1]', cause VARCHAR(64) CHARACTER SET utf8mb4 PATH '$[2]',
    counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_cause r FORCE INDEX (PRIMARY)
    ON r.period_seconds = o.period_seconds AND r.starts = o.starts AND r.cause = CONVERT(o.cause USING utf8mb4)
    AND r.counter = o.counter;
