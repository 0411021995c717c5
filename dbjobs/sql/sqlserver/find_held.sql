-- What a dead node has left behind, a page at a time. background_job_node serves it.
DECLARE @node_id bigint = :node_id, @limit int = :limit;
SELECT (
    SELECT TOP (@limit) id, attempt, attempt_base, retry_limit, worker, cancel_requested_at, created_at
    FROM dbjobs.background_job
    WHERE node_id = @node_id
    ORDER BY id
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
