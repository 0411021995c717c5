-- Replaces changes of batches by their sum, `limit` at a time, in one transaction and one round trip: changes not
-- folded yet (the index `folded` finds them, batch by batch), and the existing sums of their batches. It does not see
-- changes of open transactions, and skips rows that another node is folding: both stay for the next time, and a batch
-- with two sums is as correct as one with one.
SELECT COALESCE(JSON_ARRAYAGG(JSON_ARRAY(id, batch_id)), '[]')
INTO @loose
FROM (
    SELECT id, batch_id
    FROM dbjobs_job_batch FORCE INDEX (folded)
    WHERE folded = 0 AND folded_at IS NULL
    ORDER BY batch_id
    LIMIT :limit
) loose;

SELECT COALESCE(JSON_ARRAYAGG(base.id), '[]')
INTO @base
FROM (
    SELECT DISTINCT b.id
    FROM JSON_TABLE(@loose, '$[*]' COLUMNS (batch_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$[1]')) AS l
    STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (batch) ON b.batch_id = CONVERT(l.batch_id USING utf8mb4)
    WHERE b.folded > 0
) base;

SELECT COALESCE(JSON_ARRAYAGG(b.id), '[]')
INTO @base
FROM JSON_TABLE(@base, '$[*]' COLUMNS (id BIGINT PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id
FOR UPDATE /*!50799 OF b */ SKIP LOCKED;

SELECT JSON_MERGE_PRESERVE(@base, COALESCE(JSON_ARRAYAGG(b.id), '[]')), COUNT(*)
INTO @rows, @folded
FROM JSON_TABLE(@loose, '$[*]' COLUMNS (id BIGINT PATH '$[0]')) AS t
STRAIGHT_JOIN dbjobs_job_batch b FORCE INDEX (PRIMARY) ON b.id = t.id
FOR UPDATE /*!50799 OF b */ SKIP LOCKED;

INSERT INTO dbjobs_job_batch (batch_id, created_at, total, completed, failed, cancelled, folded, folded_at)
SELECT batch_id, created_at, total, completed, failed, cancelled,
    IF(completed + failed + cancelled >= total, 2, 1), UTC_TIMESTAMP(6)
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

SELECT f.folded FROM (SELECT @folded AS folded) f;
