-- Takes back rows that this transaction has inserted (their ref_id turned out to be in history).
WITH discarded AS (
    DELETE FROM dbjobs.background_job WHERE id = ANY (:ids::bigint[]) RETURNING batch_id
)
UPDATE dbjobs.job_batch b
SET total = b.total - d.jobs
FROM (SELECT batch_id, count(*) AS jobs FROM discarded WHERE batch_id IS NOT NULL GROUP BY batch_id) d
WHERE b.batch_id = ANY (ARRAY(SELECT batch_id FROM discarded)) AND b.batch_id = d.batch_id;
