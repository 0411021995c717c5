-- Which of these ref_ids exist, and where? Run AFTER the insert, in the same transaction: a job that was moving to
-- history while the insert waited for its index entry is visible only to a new snapshot. {share} is what
-- makes these reads look at the newest rows in a caller's transaction, whose snapshot may be older.
(SELECT ref_id, id, 1 AS live FROM dbjobs_background_job WHERE ref_id IN (:ref_ids) {share})
UNION ALL
(SELECT ref_id, id, 0 FROM dbjobs_completed_job WHERE ref_id IN (:ref_ids) {share})
UNION ALL
(SELECT ref_id, id, 0 FROM dbjobs_failed_job WHERE ref_id IN (:ref_ids) {share});
