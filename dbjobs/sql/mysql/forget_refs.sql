-- The keys of a month of history that has gone, so many at a time. Found without locks (the index `month` serves it) and
-- deleted by key: rows that a caller's open transaction has locked are passed by.
SELECT COALESCE(JSON_ARRAYAGG(ref_id), '[]')
INTO @refs
FROM (SELECT ref_id FROM dbjobs_job_ref FORCE INDEX (month) WHERE month = :month ORDER BY month, ref_id LIMIT :limit) old;

SELECT COALESCE(JSON_ARRAYAGG(r.ref_id), '[]')
INTO @refs
FROM JSON_TABLE(@refs, '$[*]' COLUMNS (ref_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_ref r FORCE INDEX (PRIMARY) ON r.ref_id = CONVERT(t.ref_id USING utf8mb4)
FOR UPDATE /*!50799 OF r */ SKIP LOCKED;

DELETE r
FROM JSON_TABLE(@refs, '$[*]' COLUMNS (ref_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_ref r FORCE INDEX (PRIMARY) ON r.ref_id = CONVERT(t.ref_id USING utf8mb4);

SELECT JSON_LENGTH(@refs) AS forgotten;
