-- Replaces the changes of some batches by their sum, in one transaction and one round trip. Changes of transactions that
-- are still open are not seen; rows that another node is folding are passed by: both are left for the next time, as a sum
-- of several rows is as true as one. A sum that may not be whole is marked as not folded, so that it is looked at again.
SELECT COALESCE(JSON_ARRAYAGG(batch_id), '[]')
INTO @batches
FROM (
    SELECT DISTINCT batch_id
    FROM (
        SELECT batch_id FROM dbjobs_job_batch FORCE INDEX (folded) WHERE folded = 0 ORDER BY folded_at, id LIMIT :limit
    ) unfolded
) batch;

SELECT COALESCE(JSON_ARRAYAGG(b.id), '[]'), COUNT(b.id)
INTO @rows, @count
FROM JSON_TABLE(@batches, '$[*]' COLUMNS (batch_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (batch) ON b.batch_id = CONVERT(t.batch_id USING utf8mb4);

SELECT COALESCE(JSON_ARRAYAGG(b.id), '[]'), COUNT(b.id) = @count
INTO @rows, @whole
FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id
FOR UPDATE /*!50799 OF b */ SKIP LOCKED;

INSERT INTO dbjobs_job_batch (batch_id, created_at, total, completed, failed, cancelled, folded, folded_at)
SELECT batch_id, created_at, total, completed, failed, cancelled,
    IF(@whole, IF(completed + failed + cancelled >= total, 2, 1), 0), UTC_TIMESTAMP(6)
FROM (
    SELECT b.batch_id, MIN(b.created_at) AS created_at, SUM(b.total) AS total, SUM(b.completed) AS completed,
        SUM(b.failed) AS failed, SUM(b.cancelled) AS cancelled
    FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
    STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id
    GROUP BY b.batch_id
) n;

DELETE b
FROM JSON_TABLE(@rows, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id;

SELECT JSON_LENGTH(@rows) AS folded;
