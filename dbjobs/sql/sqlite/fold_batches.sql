-- Folds the rows of a batch into the first one, with their sum. job_batch_loose finds those not folded yet, some at a
-- time.
-- @as loose
SELECT id, batch_id FROM dbjobs_job_batch WHERE folded = 0 ORDER BY batch_id LIMIT :limit;

-- @as replaced
SELECT b.batch_id, min(b.created_at) AS created_at, max(b.changed_at) AS changed_at, sum(b.total) AS total,
    sum(b.completed) AS completed, sum(b.failed) AS failed, sum(b.cancelled) AS cancelled
FROM dbjobs_job_batch b
WHERE b.id IN (SELECT value FROM json_each(:loose.id))
   OR b.id IN (
       SELECT f.id
       FROM dbjobs_job_batch f
       WHERE f.batch_id IN (SELECT value FROM json_each(:loose.batch_id)) AND f.folded = 1
   )
GROUP BY b.batch_id;

DELETE FROM dbjobs_job_batch
WHERE batch_id IN (SELECT value FROM json_each(:loose.batch_id)) AND folded = 1;

DELETE FROM dbjobs_job_batch WHERE id IN (SELECT value FROM json_each(:loose.id));

-- @each replaced
INSERT INTO dbjobs_job_batch (batch_id, created_at, changed_at, total, completed, failed, cancelled, folded)
VALUES (:batch_id, :created_at, :changed_at, :total, :completed, :failed, :cancelled, 1);

SELECT count(*) AS folded FROM json_each(:loose);
