-- Log lines of jobs that are history already: their handlers completed them (job.transaction()) and went on. Without a
-- fence or a look at the job: only the attempt whose own transaction committed comes here.
INSERT INTO dbjobs_job_log (job_id, created_month, attempt, at, level, message)
SELECT l.job_id, EXTRACT(YEAR_MONTH FROM l.created_at), l.attempt,
    UTC_TIMESTAMP(6) - INTERVAL l.age_seconds * 1000000 MICROSECOND, l.level, l.message
FROM JSON_TABLE(:lines, '$[*]' COLUMNS (
    position FOR ORDINALITY, job_id BIGINT PATH '$.job_id', created_at DATETIME(6) PATH '$.created_at',
    attempt INT PATH '$.attempt', age_seconds DOUBLE PATH '$.age_seconds',
    level VARCHAR(20) CHARACTER SET utf8mb4 PATH '$.level', message LONGTEXT CHARACTER SET utf8mb4 PATH '$.message'
)) AS l
ORDER BY l.position;
