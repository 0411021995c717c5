-- Jobs of a family, in a range of ids: those that a job enqueued, and those that wait or waited for any job. The ids
-- bound the reading: children get theirs soon after their parent. It enters each table by primary key.
SELECT * FROM (
    (
        SELECT id, parent_id, depends_on::text AS depends_on, command,
            CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state
        FROM dbjobs.background_job
        WHERE id >= :from_id::bigint AND id < :before_id::bigint
          AND (parent_id = :parent_id::bigint OR depends_on IS NOT NULL)
        ORDER BY id
        LIMIT :most::integer
    )
    UNION ALL
    (
        SELECT id, parent_id, depends_on::text AS depends_on, command,
            state AS state
        FROM dbjobs.completed_job
        WHERE id >= :from_id::bigint AND id < :before_id::bigint
          AND (parent_id = :parent_id::bigint OR depends_on IS NOT NULL)
        ORDER BY id
        LIMIT :most::integer
    )
    UNION ALL
    (
        SELECT id, parent_id, depends_on::text AS depends_on, command,
            state AS state
        FROM dbjobs.failed_job
        WHERE id >= :from_id::bigint AND id < :before_id::bigint
          AND (parent_id = :parent_id::bigint OR depends_on IS NOT NULL)
        ORDER BY id
        LIMIT :most::integer
    )
) j
ORDER BY id
LIMIT :most::integer;
