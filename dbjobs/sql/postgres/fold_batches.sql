-- Folds the rows of a batch into one with their sum. job_batch_loose finds those not folded yet, some at a time; rows
-- that somebody else is folding (SKIP LOCKED) and uncommitted rows stay for the next time.
WITH loose AS (
    SELECT id, batch_id
    FROM dbjobs.job_batch
    WHERE NOT folded
    ORDER BY batch_id
    LIMIT :limit::integer
    FOR UPDATE SKIP LOCKED
), base AS (
    SELECT id
    FROM dbjobs.job_batch
    WHERE batch_id = ANY (ARRAY(SELECT batch_id FROM loose)) AND folded
    FOR UPDATE SKIP LOCKED
), replaced AS (
    DELETE FROM dbjobs.job_batch
    WHERE id = ANY (ARRAY(SELECT id FROM loose UNION ALL SELECT id FROM base))
    RETURNING batch_id, created_at, changed_at, total, completed, failed, cancelled, folded
), sums AS (
    INSERT INTO dbjobs.job_batch (batch_id, created_at, changed_at, total, completed, failed, cancelled, folded)
    SELECT batch_id, min(created_at), max(changed_at), sum(total), sum(completed), sum(failed), sum(cancelled), true
    FROM replaced
    GROUP BY batch_id
)
SELECT count(*)::integer AS folded FROM replaced WHERE NOT folded;
