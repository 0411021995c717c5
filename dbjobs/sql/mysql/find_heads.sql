-- The first ready job of each of these queues and named workers, and how long it has been ready. One probe of the index
-- `line` per name.
-- @union queues as free
SELECT id, queue, worker, command, age_seconds
FROM (
    (
        SELECT id, queue, worker, command,
            TIMESTAMPDIFF(
                MICROSECOND,
                GREATEST(created_at, COALESCE(run_after, created_at), COALESCE(last_activity_at, created_at)),
                UTC_TIMESTAMP(6)
            ) / 1e6 AS age_seconds
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = CONCAT('q:', :value)
        ORDER BY place, id
        LIMIT 1
    )
) head;

-- @union workers as lane
SELECT id, queue, worker, command, age_seconds
FROM (
    (
        SELECT id, queue, worker, command,
            TIMESTAMPDIFF(
                MICROSECOND,
                GREATEST(created_at, COALESCE(run_after, created_at), COALESCE(last_activity_at, created_at)),
                UTC_TIMESTAMP(6)
            ) / 1e6 AS age_seconds
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = CONCAT('w:', :value)
        ORDER BY place, id
        LIMIT 1
    )
) head;

SELECT id, queue, worker, command, age_seconds
FROM JSON_TABLE(:free, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.queue',
    worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker',
    command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.command', age_seconds DOUBLE PATH '$.age_seconds'
)) AS free
UNION ALL
SELECT id, queue, worker, command, age_seconds
FROM JSON_TABLE(:lane, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', queue VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.queue',
    worker VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.worker',
    command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.command', age_seconds DOUBLE PATH '$.age_seconds'
)) AS lane;
