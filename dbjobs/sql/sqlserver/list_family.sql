-- Jobs of a family, in a range of ids: those that a job enqueued, and those that wait or waited for any job. The ids
-- bound the reading: children get theirs soon after their parent. It enters each table by primary key.
-- READPAST: it does not wait for moving jobs. RECOMPILE: over partitions the plan depends on the arguments.
DECLARE @from_id bigint = :from_id, @before_id bigint = :before_id, @parent_id bigint = :parent_id, @most int = :most;
SELECT (
    SELECT TOP (@most) j.id, j.parent_id, j.depends_on, j.command, j.state
    FROM (
        SELECT id, parent_id, depends_on, command,
            CASE WHEN executed_at IS NOT NULL THEN N'executed' ELSE state END AS state
        FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE id >= @from_id AND id < @before_id
        UNION ALL
        SELECT id, parent_id, depends_on, command,
            state AS state
        FROM dbjobs.completed_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE id >= @from_id AND id < @before_id
        UNION ALL
        SELECT id, parent_id, depends_on, command,
            state AS state
        FROM dbjobs.failed_job WITH (READPAST, READCOMMITTEDLOCK)
        WHERE id >= @from_id AND id < @before_id
    ) AS j
    WHERE j.parent_id = @parent_id OR j.depends_on IS NOT NULL
    ORDER BY j.id
    FOR JSON PATH
) AS packed
OPTION (RECOMPILE);
