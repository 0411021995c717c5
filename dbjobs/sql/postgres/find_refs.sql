-- Which of these ref_ids exist, and where? Run AFTER the insert, in the same transaction: a job that
-- was moving to history while the insert waited for its index entry is visible only to a new snapshot.
SELECT ref_id, id, true AS live FROM dbjobs.background_job WHERE ref_id = ANY (:ref_ids::text[])
UNION ALL
SELECT ref_id, id, false FROM dbjobs.completed_job WHERE ref_id = ANY (:ref_ids::text[])
UNION ALL
SELECT ref_id, id, false FROM dbjobs.failed_job WHERE ref_id = ANY (:ref_ids::text[]);
