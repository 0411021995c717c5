-- Deletes the keys of months that have left the history (all up to this one, except those kept), some at a time. The
-- key of a live job stays. It finds rows without locks (the index `month` serves it) and deletes by key: it skips rows
-- that a caller's open transaction has locked.
SELECT COALESCE(JSON_ARRAYAGG(ref_id), '[]')
INTO @refs
FROM (
    SELECT r.ref_id
    FROM dbjobs_job_ref r FORCE INDEX (month)
    WHERE r.month <= :month
      AND COALESCE(r.month IN (:kept), 0) = 0
      AND (SELECT j.id FROM dbjobs_background_job j FORCE INDEX (PRIMARY) WHERE j.id = r.job_id) IS NULL
    LIMIT :limit
) old;

SELECT COALESCE(JSON_ARRAYAGG(r.ref_id), '[]')
INTO @refs
FROM JSON_TABLE(@refs, '$[*]' COLUMNS (ref_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_ref r FORCE INDEX (PRIMARY) ON r.ref_id = CONVERT(t.ref_id USING utf8mb4)
FOR UPDATE /*!50799 OF r */ SKIP LOCKED;

DELETE r
FROM JSON_TABLE(@refs, '$[*]' COLUMNS (ref_id VARCHAR(255) CHARACTER SET utf8mb4 PATH '$')) AS t
STRAIGHT_JOIN dbjobs_job_ref r FORCE INDEX (PRIMARY) ON r.ref_id = CONVERT(t.ref_id USING utf8mb4);

SELECT JSON_LENGTH(@refs) AS forgotten;
