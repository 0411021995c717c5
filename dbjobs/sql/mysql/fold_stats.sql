-- Folds rows older than :kept hours into one for each :hours (1, or 24: a day), all counters together (counter 0), a
-- bounded number of rows at a time. In one transaction and one round trip: it finds rows without locks, locks them by
-- key (and skips rows that another node is folding), then sums up only what it has locked.
SELECT DATE_FORMAT(UTC_TIMESTAMP() - INTERVAL :kept + HOUR(UTC_TIMESTAMP()) MOD :hours HOUR, '%Y-%m-%d %H:00:00') INTO @hour;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(DATE_FORMAT(minute, '%Y-%m-%d %H:%i:%s'), queue, command, counter)), '[]')
INTO @old
FROM (
    SELECT minute, queue, command, counter
    FROM dbjobs_job_stat
    WHERE minute < @hour AND (counter <> 0 OR MINUTE(minute) <> 0 OR HOUR(minute) MOD :hours <> 0)
    LIMIT 10000
) old;

SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(DATE_FORMAT(s.minute, '%Y-%m-%d %H:%i:%s'), s.queue, s.command, s.counter)), '[]')
INTO @old
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    minute DATETIME PATH '$[0]', queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]',
    command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[2]', counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_stat s FORCE INDEX (PRIMARY)
    ON s.minute = o.minute AND s.queue = CONVERT(o.queue USING utf8mb4) AND s.command = CONVERT(o.command USING utf8mb4)
    AND s.counter = o.counter
FOR UPDATE /*!50799 OF s */ SKIP LOCKED;

INSERT INTO dbjobs_job_stat (minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms)
SELECT hour, queue, command, 0, completed, failed, cancelled, retried, duration_ms
FROM (
    SELECT DATE_FORMAT(s.minute - INTERVAL HOUR(s.minute) MOD :hours HOUR, '%Y-%m-%d %H:00:00') AS hour, s.queue,
        s.command, SUM(s.completed) AS completed, SUM(s.failed) AS failed, SUM(s.cancelled) AS cancelled, SUM(s.retried) AS retried,
        SUM(s.duration_ms) AS duration_ms
    FROM JSON_TABLE(@old, '$[*]' COLUMNS (
        minute DATETIME PATH '$[0]', queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]',
        command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[2]', counter BIGINT PATH '$[3]'
    )) AS o
    STRAIGHT_JOIN dbjobs_job_stat s FORCE INDEX (PRIMARY)
        ON s.minute = o.minute AND s.queue = CONVERT(o.queue USING utf8mb4)
        AND s.command = CONVERT(o.command USING utf8mb4) AND s.counter = o.counter
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
) n
ON DUPLICATE KEY UPDATE
    completed = dbjobs_job_stat.completed + n.completed, failed = dbjobs_job_stat.failed + n.failed,
    cancelled = dbjobs_job_stat.cancelled + n.cancelled, retried = dbjobs_job_stat.retried + n.retried,
    duration_ms = dbjobs_job_stat.duration_ms + n.duration_ms;

DELETE s
FROM JSON_TABLE(@old, '$[*]' COLUMNS (
    minute DATETIME PATH '$[0]', queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]',
    command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[2]', counter BIGINT PATH '$[3]'
)) AS o
STRAIGHT_JOIN dbjobs_job_stat s FORCE INDEX (PRIMARY)
    ON s.minute = o.minute AND s.queue = CONVERT(o.queue USING utf8mb4) AND s.command = CONVERT(o.command USING utf8mb4)
    AND s.counter = o.counter;
