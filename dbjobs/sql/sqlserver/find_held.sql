-- What a dead node left behind, a page at a time. background_job_node serves it. READPAST: a locked job (its handler's
-- own transaction may still be open) does not hold up the others; remove_node waits for it.
DECLARE @node_id bigint = :node_id, @limit int = :limit;
SELECT (
    SELECT TOP (@limit) id, attempt, attempt_base, retry_limit, worker, cancel_requested_at, created_at, command, queue,
        executed_at
    FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
    WHERE node_id = @node_id
    ORDER BY id
    FOR JSON PATH, INCLUDE_NULL_VALUES
) AS packed;
