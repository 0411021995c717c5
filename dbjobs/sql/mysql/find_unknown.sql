-- Commands that nobody here can run, among the ready jobs at the front of these queues (that is where they
-- gather) and of the named workers.
-- @union queues as free
SELECT command, COUNT(*) AS jobs
FROM (
    (
        SELECT command
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line = CONCAT('q:', :value)
        ORDER BY place, id
        LIMIT :bound
    )
) front
WHERE command NOT IN (:commands)
GROUP BY command;

-- @as lane
SELECT command, COUNT(*) AS jobs
FROM (
    SELECT command
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > 'w:' AND line < 'w;'
    ORDER BY line, place, id
    LIMIT :bound
) front
WHERE command NOT IN (:commands)
GROUP BY command;

SELECT command, CAST(SUM(jobs) AS SIGNED) AS jobs
FROM (
    SELECT command, jobs
    FROM JSON_TABLE(:free, '$[*]' COLUMNS (command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.command',
    jobs BIGINT PATH '$.jobs')) AS free
    UNION ALL
    SELECT command, jobs
    FROM JSON_TABLE(:lane, '$[*]' COLUMNS (command VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.command',
    jobs BIGINT PATH '$.jobs')) AS lane
) ready
GROUP BY command;
