-- Takes back rows that this transaction has inserted (their ref_id turned out to be in history).
-- @as discarded
SELECT batch_id, COUNT(*) AS jobs
FROM dbjobs_background_job
WHERE id IN (:ids) AND batch_id IS NOT NULL
GROUP BY batch_id;

DELETE FROM dbjobs_background_job WHERE id IN (:ids);

-- @each discarded
UPDATE dbjobs_job_batch SET total = total - :jobs WHERE batch_id = :batch_id;
