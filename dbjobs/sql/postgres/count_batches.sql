UPDATE dbjobs.job_batch b
SET completed = b.completed + c.completed, failed = b.failed + c.failed, cancelled = b.cancelled + c.cancelled
FROM unnest(
    :counts.batch_id::text[], :counts.completed::bigint[], :counts.failed::bigint[], :counts.cancelled::bigint[]
) AS c (batch_id, completed, failed, cancelled)
WHERE b.batch_id = ANY (:counts.batch_id::text[]) AND b.batch_id = c.batch_id;
