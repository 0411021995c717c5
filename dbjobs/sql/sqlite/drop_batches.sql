-- Deletes batches whose jobs have all ended and that have not changed for the given time, some at a time.
-- @as over
SELECT b.batch_id
FROM dbjobs_job_batch b
WHERE b.batch_id IN (
    SELECT c.batch_id
    FROM dbjobs_job_batch c
    WHERE c.folded = 1
      AND c.total <= c.completed + c.failed + c.cancelled
      AND c.changed_at < strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds')
    ORDER BY c.changed_at
    LIMIT 1000
)
GROUP BY b.batch_id
HAVING min(b.folded) = 1
   AND max(b.changed_at) < strftime('%Y-%m-%d %H:%M:%f', 'now', -:seconds || ' seconds')
   AND sum(b.total) <= sum(b.completed + b.failed + b.cancelled);

DELETE FROM dbjobs_job_batch WHERE batch_id IN (SELECT value FROM json_each(:over.batch_id));

SELECT count(*) AS dropped FROM json_each(:over);
