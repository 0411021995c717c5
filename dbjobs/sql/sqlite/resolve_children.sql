-- Resolves the children that an enqueue left unresolved: it tells their parents of them (has_dependents), or finds that
-- these have ended. Under the one write lock nothing stays undecided: a parent is alive here and will see the flag at
-- its end, or it has ended, or it is gone for good (its month was dropped), which counts as cancelled. It leaves a
-- child alone that its policy dooms, and names it: the caller cancels it.
-- @as child
SELECT id, depends_on_policy
FROM dbjobs_background_job
WHERE id IN (SELECT value FROM json_each(:ids)) AND unresolved = 1 AND state = 'waiting';

UPDATE dbjobs_background_job
SET has_dependents = 1
WHERE has_dependents = 0
  AND id IN (
      SELECT parent_id FROM dbjobs_job_dependency WHERE child_id IN (SELECT value FROM json_each(:child.id))
  );

-- @as away
SELECT DISTINCT d.parent_id AS id
FROM dbjobs_job_dependency d
WHERE d.child_id IN (SELECT value FROM json_each(:child.id))
  AND NOT EXISTS (SELECT 1 FROM dbjobs_background_job p WHERE p.id = d.parent_id);

SELECT id, state FROM dbjobs_finished_job WHERE id IN (SELECT value FROM json_each(:away.id));

-- The months that may hold them: read after the main file, because its rows may move there at any moment.
-- @as place packed month
SELECT json_group_array(month)
FROM dbjobs_month_range r
WHERE EXISTS (SELECT 1 FROM json_each(:away.id) w WHERE w.value BETWEEN r.first_id AND r.last_id);

-- @months of away in place as ended
SELECT id, state FROM job WHERE id IN (SELECT value FROM json_each(:ids));

-- @as doomed
WITH child (id, policy) AS MATERIALIZED (
    SELECT value ->> 0, value ->> 1 FROM json_each(:child)
), ended (id, state) AS MATERIALIZED (
    SELECT value ->> 0, value ->> 1 FROM json_each(:ended)
), away (id) AS MATERIALIZED (
    SELECT value FROM json_each(:away.id)
)
SELECT child.id, min(d.parent_id) AS failed_parent_id
FROM child
CROSS JOIN dbjobs_job_dependency d ON d.child_id = child.id
JOIN away ON away.id = d.parent_id
LEFT JOIN ended ON ended.id = d.parent_id
WHERE child.policy = 'completed' AND coalesce(ended.state, 'gone') <> 'completed'
GROUP BY child.id;

DELETE FROM dbjobs_job_dependency
WHERE child_id IN (
    SELECT value FROM json_each(:child.id) WHERE value NOT IN (SELECT value FROM json_each(:doomed.id))
  )
  AND parent_id IN (SELECT value FROM json_each(:away.id));

-- @as resolved
UPDATE dbjobs_background_job
SET unresolved = 0,
    pending = (SELECT count(*) FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id),
    state = CASE
        WHEN EXISTS (SELECT 1 FROM dbjobs_job_dependency d WHERE d.child_id = dbjobs_background_job.id) THEN 'waiting'
        WHEN run_after > strftime('%Y-%m-%d %H:%M:%f', 'now') THEN 'scheduled'
        ELSE 'queued'
    END
WHERE id IN (
    SELECT value FROM json_each(:child.id) WHERE value NOT IN (SELECT value FROM json_each(:doomed.id))
)
RETURNING id, state, queue, priority, worker;

SELECT value ->> 0 AS id, value ->> 1 AS state, value ->> 2 AS queue, value ->> 3 AS priority, value ->> 4 AS worker,
    NULL AS failed_parent_id
FROM json_each(:resolved)
UNION ALL
SELECT value ->> 0, 'waiting', '', 0, NULL, value ->> 1 FROM json_each(:doomed);
