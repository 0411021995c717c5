-- Parents have ended, in this transaction: their children have one parent less to wait for. A child
-- whose parent did not complete is named in the result as doomed, unless it takes any end.
-- @as edge
DELETE FROM dbjobs_job_dependency
WHERE parent_id IN (SELECT value ->> 0 FROM json_each(:parents))
RETURNING parent_id, child_id;

-- MATERIALIZED: two lists are then joined by an index made for the purpose, not each with each.
-- @as child
WITH parent (id, state) AS MATERIALIZED (
    SELECT value ->> 0, value ->> 1 FROM json_each(:parents)
), edge (parent_id, child_id) AS MATERIALIZED (
    SELECT value ->> 0, value ->> 1 FROM json_each(:edge)
)
SELECT j.id,
    count(*) AS parents,
    min(edge.parent_id) FILTER (WHERE parent.state <> 'completed' AND j.depends_on_policy = 'completed')
        AS failed_parent_id
FROM edge
JOIN parent ON parent.id = edge.parent_id
JOIN dbjobs_background_job j ON j.id = edge.child_id
WHERE j.state = 'waiting'
GROUP BY j.id;

-- @each child as released
UPDATE dbjobs_background_job
SET pending = max(pending - :parents, 0),
    state = CASE
        WHEN :failed_parent_id IS NOT NULL OR pending > :parents THEN 'waiting'
        WHEN run_after > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'scheduled'
        ELSE 'queued'
    END
WHERE id = :id AND state = 'waiting'
RETURNING id, state, queue, priority, worker, :failed_parent_id AS failed_parent_id;
