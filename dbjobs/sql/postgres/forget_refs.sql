-- Deletes the keys of months that have left the history (all up to this one, except those kept), some at a time. The
-- key of a live job stays.
WITH old AS (
    SELECT r.ref_id
    FROM dbjobs.job_ref r
    WHERE r.month <= :month::text AND r.month <> ALL (:kept::text[])
      AND (SELECT j.id FROM dbjobs.background_job j WHERE j.id = r.job_id) IS NULL
    LIMIT :limit::integer
    FOR UPDATE OF r SKIP LOCKED
), forgotten AS (
    DELETE FROM dbjobs.job_ref WHERE ref_id = ANY (ARRAY(SELECT ref_id FROM old)) RETURNING ref_id
)
SELECT count(*)::integer AS forgotten FROM forgotten;
