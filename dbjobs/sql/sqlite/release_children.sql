-- Tells the children of ended parents that they have one parent less to wait for, `limit` edges at a time. If a parent
-- did not complete, the child is named as doomed, unless it accepts any end, and keeps its edges: the caller cancels
-- it, which removes them. Edges of children that are no longer alive go. An ended_parent row goes when no edge of it is
-- left.
-- @as edge
SELECT e.parent_id, e.state, d.child_id
FROM json_each(:parents) p
CROSS JOIN dbjobs_ended_parent e ON e.parent_id = p.value
CROSS JOIN dbjobs_job_dependency d ON d.parent_id = e.parent_id
LIMIT :limit;

-- MATERIALIZED: reads the list once.
-- @as doomed
WITH edge (parent_id, state, child_id) AS MATERIALIZED (
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(:edge)
)
SELECT j.id, min(edge.parent_id) AS failed_parent_id
FROM edge
CROSS JOIN dbjobs_background_job j ON j.id = edge.child_id
WHERE edge.state <> 'completed' AND j.depends_on_policy = 'completed' AND j.state = 'waiting'
GROUP BY j.id;

-- @as gone
DELETE FROM dbjobs_job_dependency
WHERE (parent_id, child_id) IN (
    SELECT value ->> 0, value ->> 2
    FROM json_each(:edge)
    WHERE value ->> 2 NOT IN (SELECT value FROM json_each(:doomed.id))
)
RETURNING child_id;

-- @as released
UPDATE dbjobs_background_job
SET pending = (SELECT count(*) FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id),
    unresolved = unresolved
        AND EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id),
    state = CASE
        WHEN EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id) THEN 'waiting'
        WHEN run_after > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'scheduled'
        ELSE 'queued'
    END
WHERE id IN (SELECT value FROM json_each(:gone.child_id)) AND state = 'waiting'
RETURNING id, state, queue, priority, worker;

DELETE FROM dbjobs_ended_parent
WHERE parent_id IN (SELECT value FROM json_each(:parents))
  AND NOT EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.parent_id = dbjobs_ended_parent.parent_id);

SELECT value ->> 0 AS id, value ->> 1 AS state, value ->> 2 AS queue, value ->> 3 AS priority, value ->> 4 AS worker,
    NULL AS failed_parent_id
FROM json_each(:released)
UNION ALL
SELECT value ->> 0, 'waiting', '', 0, NULL, value ->> 1 FROM json_each(:doomed);
