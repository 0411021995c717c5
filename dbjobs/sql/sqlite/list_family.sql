-- Jobs of a family, in a range of ids: those that a job enqueued, and those that wait or waited for any job. The ids
-- bound the reading: children get theirs soon after their parent. It enters each table by primary key.
SELECT id, parent_id, depends_on, command, state
FROM (
    SELECT id, parent_id, depends_on, command,
        CAST(CASE WHEN executed_at IS NOT NULL THEN 'executed' ELSE state END AS TEXT) AS state
    FROM dbjobs_background_job
    WHERE id >= :from_id AND id < :before_id
    UNION ALL
    SELECT id, parent_id, depends_on, command, state
    FROM dbjobs_finished_job
    WHERE id >= :from_id AND id < :before_id
)
WHERE parent_id = :parent_id OR depends_on IS NOT NULL
ORDER BY id
LIMIT :most;

-- The months that may hold such ids: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range
WHERE first_id < :before_id AND last_id >= :from_id;

-- The main file takes precedence over the month.
-- @months ascending in place
SELECT id, parent_id, depends_on, command, state
FROM (
    SELECT id, parent_id, depends_on, command, state
    FROM completed_job
    WHERE id >= :from_id AND id < :before_id
    UNION ALL
    SELECT id, parent_id, depends_on, command, state
    FROM failed_job
    WHERE id >= :from_id AND id < :before_id
) j
WHERE (parent_id = :parent_id OR depends_on IS NOT NULL)
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_background_job b WHERE b.id = j.id)
  AND NOT EXISTS (SELECT 1 FROM live.dbjobs_finished_job f WHERE f.id = j.id)
ORDER BY id
LIMIT :most;
