-- Forgets batches whose jobs have all ended, and for which nothing has happened for so long. The index `folded` serves it;
-- so many at a time. Found without locks, locked by key: rows that are being folded are passed by.
SELECT COALESCE(JSON_ARRAYAGG(id), '[]')
INTO @rows
FROM (
    SELECT b.id
    FROM dbjobs_job_batch b FORCE INDEX (folded)
    WHERE b.folded = 2 AND b.folded_at < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
      AND NOT EXISTS (SELECT 1 FROM dbjobs_job_batch o FORCE INDEX (batch) WHERE o.batch_id = b.batch_id AND o.id <> b.id)
    ORDER BY b.folded_at
    LIMIT 10000
) ended;

SELECT COALESCE(JSON_ARRAYAGG(b.id), '[]')
INTO @rows
FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id
FOR UPDATE /*!50799 OF b */ SKIP LOCKED;

DELETE b
FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id;

SELECT JSON_LENGTH(@rows) AS dropped;
