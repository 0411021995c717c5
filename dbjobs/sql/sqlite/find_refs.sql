-- Which of these ref_ids exist, and where? The history's keys are in this file too: no month is opened.
SELECT ref_id, id, 1 AS live FROM dbjobs_background_job WHERE ref_id IN (SELECT value FROM json_each(:ref_ids))
UNION ALL
SELECT ref_id, id, 0 FROM dbjobs_finished_ref WHERE ref_id IN (SELECT value FROM json_each(:ref_ids));
