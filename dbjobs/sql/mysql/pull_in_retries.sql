-- Retries scheduled while the database's clock was ahead, before it was set back: they went into back-off at a moment
-- still to come. Their back-off starts again from now. Not jobs with a time from a caller (they have not run yet): that
-- time stands. Runs only after a step, one slice of the live jobs by id at a time, because no index has these moments.
-- It finds them without locks, locks by key, and skips locked ones. It reads how far each is ahead before the update,
-- which sets columns in no particular order.
SELECT MAX(id)
INTO @last_id
FROM (
    SELECT id FROM dbjobs_background_job FORCE INDEX (PRIMARY) WHERE id > :after_id ORDER BY id LIMIT :limit
) slice;

SELECT COALESCE(JSON_ARRAYAGG(id), '[]')
INTO @ahead
FROM dbjobs_background_job FORCE INDEX (PRIMARY)
WHERE id > :after_id AND id <= @last_id AND line = 'due' AND attempt > 0
  AND last_activity_at > UTC_TIMESTAMP(6) + INTERVAL :step_seconds * 1000000 MICROSECOND;

SELECT
    COALESCE(JSON_ARRAYAGG(JSON_ARRAY(
        j.id, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), j.last_activity_at)
    )), '[]'),
    COUNT(j.id)
INTO @pulled, @jobs
FROM JSON_TABLE(@ahead, '$[*]' COLUMNS (id BIGINT PATH '$')) AS a
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = a.id
WHERE j.line = 'due' AND j.attempt > 0
  AND j.last_activity_at > UTC_TIMESTAMP(6) + INTERVAL :step_seconds * 1000000 MICROSECOND
FOR UPDATE /*!50799 OF j */ SKIP LOCKED;

UPDATE JSON_TABLE(@pulled, '$[*]' COLUMNS (id BIGINT PATH '$[0]', ahead BIGINT PATH '$[1]')) AS p
STRAIGHT_JOIN dbjobs_background_job j FORCE INDEX (PRIMARY) ON j.id = p.id
SET j.run_after = j.run_after - INTERVAL p.ahead MICROSECOND, j.last_activity_at = UTC_TIMESTAMP(6);

SELECT s.jobs, s.last_id FROM (SELECT @jobs AS jobs, @last_id AS last_id) s;
