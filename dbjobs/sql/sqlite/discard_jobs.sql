-- Takes back rows that this transaction has inserted (their ref_id turned out to be in history).
-- @as discarded
DELETE FROM dbjobs_background_job WHERE id IN (SELECT value FROM json_each(:ids)) RETURNING batch_id;

-- @each discarded where batch_id
UPDATE dbjobs_job_batch SET total = total - 1 WHERE batch_id = :batch_id;
