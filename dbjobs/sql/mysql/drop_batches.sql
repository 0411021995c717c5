-- Deletes batches whose jobs have all ended and that have not changed for the given time, some at a time, in one
-- transaction and one round trip. The index `folded` finds candidates; the sum over all rows of a batch decides. It
-- finds them without locks, then locks by key: it skips rows that are being folded.
SELECT COALESCE(JSON_ARRAYAGG(batch_id), '[]')
INTO @batches
FROM (
    SELECT DISTINCT batch_id
    FROM (
        SELECT batch_id
        FROM dbjobs_job_batch FORCE INDEX (folded)
        WHERE folded = 2 AND folded_at < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
        ORDER BY folded_at
        LIMIT 1000
    ) candidate
) batch;

SELECT COALESCE(JSON_ARRAYAGG(batch_id), '[]')
INTO @batches
FROM (
    SELECT b.batch_id
    FROM JSON_TABLE(@batches, '$[*]' COLUMNS (batch_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS c
    STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (batch) ON b.batch_id = CONVERT(c.batch_id USING utf8mb4)
    GROUP BY b.batch_id
    HAVING MIN(b.folded) > 0
        AND MAX(b.folded_at) < UTC_TIMESTAMP(6) - INTERVAL :seconds * 1000000 MICROSECOND
        AND SUM(b.total) <= SUM(b.completed + b.failed + b.cancelled)
) over_and_done;

SELECT COALESCE(JSON_ARRAYAGG(b.id), '[]')
INTO @rows
FROM JSON_TABLE(@batches, '$[*]' COLUMNS (batch_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS c
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (batch) ON b.batch_id = CONVERT(c.batch_id USING utf8mb4);

SELECT COALESCE(JSON_ARRAYAGG(b.id), '[]'), COUNT(DISTINCT b.batch_id)
INTO @rows, @dropped
FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id
WHERE b.folded > 0
FOR UPDATE /*!50799 OF b */ SKIP LOCKED;

DELETE b
FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id;

SELECT d.dropped FROM (SELECT @dropped AS dropped) d;
