-- Deletes the keys of months that have left the history (all up to this one, except those kept), some at a time. The
-- key of a live job stays.
-- @as old
DELETE FROM dbjobs_job_ref
WHERE ref_id IN (
    SELECT r.ref_id
    FROM dbjobs_job_ref r
    WHERE r.month <= :month AND r.month NOT IN (SELECT value FROM json_each(:kept))
      AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job j WHERE j.id = r.job_id)
    LIMIT :limit
)
RETURNING ref_id;

SELECT count(*) AS forgotten FROM json_each(:old);
