-- Which of these jobs exist, and how did the others end (state NULL: live)? One statement, one snapshot, because the
-- move to history is atomic. Without locks.
SELECT id, NULL AS state FROM dbjobs_background_job WHERE id IN (:ids)
UNION ALL
SELECT id, state FROM dbjobs_completed_job WHERE id IN (:ids)
UNION ALL
SELECT id, state FROM dbjobs_failed_job WHERE id IN (:ids);
