-- Fenced: an attempt that is no longer ours writes nothing.
INSERT INTO dbjobs_job_log (job_id, created_month, attempt, at, level, message)
SELECT l.job_id, EXTRACT(YEAR_MONTH FROM j.created_at), l.attempt,
    UTC_TIMESTAMP(6) - INTERVAL l.age_seconds * 1000000 MICROSECOND, l.level, l.message
FROM JSON_TABLE(:lines, '$[*]' COLUMNS (
    position FOR ORDINALITY, job_id BIGINT PATH '$.job_id', attempt INT PATH '$.attempt',
    age_seconds DOUBLE PATH '$.age_seconds', level VARCHAR(20) PATH '$.level', message LONGTEXT PATH '$.message'
)) AS l
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = l.job_id
WHERE j.attempt = l.attempt AND j.node_id = :node_id
ORDER BY l.position;
