-- Deletes batches whose jobs have all ended and that have not changed for the given time, some at a time.
-- job_batch_over finds them: at least one row of such a batch counts no more jobs than ends.
WITH candidate AS (
    SELECT batch_id
    FROM dbjobs.job_batch
    WHERE folded
      AND total <= completed + failed + cancelled
      AND changed_at < statement_timestamp() - :seconds::double precision * interval '1 second'
    ORDER BY changed_at
    LIMIT 1000
), over AS (
    SELECT batch_id
    FROM dbjobs.job_batch
    WHERE batch_id = ANY (ARRAY(SELECT batch_id FROM candidate))
    GROUP BY batch_id
    HAVING bool_and(folded)
       AND max(changed_at) < clock_timestamp() - :seconds::double precision * interval '1 second'
       AND sum(total) <= sum(completed + failed + cancelled)
), locked AS (
    SELECT id
    FROM dbjobs.job_batch
    WHERE batch_id = ANY (ARRAY(SELECT batch_id FROM over)) AND folded
    FOR UPDATE SKIP LOCKED
), dropped AS (
    DELETE FROM dbjobs.job_batch WHERE id = ANY (ARRAY(SELECT id FROM locked)) RETURNING batch_id
)
SELECT count(DISTINCT batch_id)::integer AS dropped FROM dropped;
