-- Records that the body of a job with a callback succeeded: from now on only the callback runs, with its own tries. The
-- node keeps the job. One transaction and one round trip.
SET @outcomes = :outcomes;

SELECT COALESCE(JSON_ARRAYAGG(j.id), '[]')
INTO @executed
FROM JSON_TABLE(@outcomes, '$[*]' COLUMNS (id BIGINT PATH '$.id', attempt INT PATH '$.attempt')) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = :node_id
FOR UPDATE /*!50799 OF j */;

UPDATE JSON_TABLE(@outcomes, '$[*]' COLUMNS (
    id BIGINT PATH '$.id', attempt INT PATH '$.attempt',
    response VARCHAR(255) CHARACTER SET utf8mb4 PATH '$.response',
    response_body LONGTEXT CHARACTER SET utf8mb4 PATH '$.response_body',
    duration_ms DOUBLE PATH '$.duration_ms'
)) AS o
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = o.id
SET j.state = 'executed', j.executed_at = UTC_TIMESTAMP(6), j.attempt_base = j.attempt - 1, j.response = o.response,
    j.response_body = o.response_body, j.duration_ms = o.duration_ms, j.last_activity_at = UTC_TIMESTAMP(6)
WHERE j.attempt = o.attempt AND j.node_id = :node_id;

-- @packed id
SELECT @executed AS executed;
