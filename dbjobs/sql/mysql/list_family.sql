-- Jobs of a family, in a range of ids: those that a job enqueued, and those that wait or waited for any job. The ids
-- bound the reading: children get theirs soon after their parent. It enters each table by primary key.
(
    SELECT id, parent_id, depends_on AS depends_on, command,
        CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS state
    FROM dbjobs_background_job FORCE INDEX (PRIMARY)
    WHERE id >= :from_id AND id < :before_id
      AND (parent_id = :parent_id OR depends_on IS NOT NULL)
    ORDER BY id
    LIMIT :most
)
UNION ALL
(
    SELECT id, parent_id, depends_on AS depends_on, command,
        state AS state
    FROM dbjobs_completed_job FORCE INDEX (PRIMARY)
    WHERE id >= :from_id AND id < :before_id
      AND (parent_id = :parent_id OR depends_on IS NOT NULL)
    ORDER BY id
    LIMIT :most
)
UNION ALL
(
    SELECT id, parent_id, depends_on AS depends_on, command,
        state AS state
    FROM dbjobs_failed_job FORCE INDEX (PRIMARY)
    WHERE id >= :from_id AND id < :before_id
      AND (parent_id = :parent_id OR depends_on IS NOT NULL)
    ORDER BY id
    LIMIT :most
)
ORDER BY id
LIMIT :most;
