-- Tells the children of ended parents that they have one parent less to wait for.
--
-- * One statement with its own commit, for any node. ended_parent rows and children are locked with SKIP LOCKED: what
--   somebody else has locked keeps its edge and its ended_parent row, and the next sweep comes back for it.
-- * It deletes an edge only under its child's lock, and lowers `pending` by the edges that it really deleted: the
--   snapshot may still show one that resolve_children has removed meanwhile.
-- * If a parent did not complete, the child is named as doomed, unless it accepts any end, and keeps its edges: the
--   caller cancels it, which removes them. Edges of children that are no longer alive go.
-- * LATERAL with a LIMIT, because a parent may have 100,000 children: each round reads `limit` edges of it. The scalar
--   subquery asks whether any edge is left with one probe.
WITH parent AS (
    SELECT parent_id, state
    FROM dbjobs.ended_parent
    WHERE parent_id = ANY (:parents::bigint[])
    ORDER BY parent_id
    FOR UPDATE SKIP LOCKED
), edge AS (
    SELECT parent.parent_id, parent.state, e.child_id
    FROM parent
    CROSS JOIN LATERAL (
        SELECT d.child_id
        FROM dbjobs.job_dependency d
        WHERE d.parent_id = parent.parent_id
        ORDER BY d.child_id
        LIMIT :limit::integer
    ) e
    LIMIT :limit::integer
), live AS (
    SELECT id FROM dbjobs.background_job WHERE id = ANY (ARRAY(SELECT child_id FROM edge))
), child AS (
    SELECT id, depends_on_policy
    FROM dbjobs.background_job
    WHERE id = ANY (ARRAY(SELECT child_id FROM edge)) AND state = 'waiting'
    ORDER BY id
    FOR UPDATE SKIP LOCKED
), doomed AS (
    SELECT child.id, min(edge.parent_id) AS failed_parent_id
    FROM edge
    JOIN child ON child.id = edge.child_id
    WHERE edge.state <> 'completed' AND child.depends_on_policy = 'completed'
    GROUP BY child.id
), gone AS (
    DELETE FROM dbjobs.job_dependency d
    USING edge
    WHERE d.parent_id = ANY (ARRAY(SELECT parent_id FROM edge))
      AND d.child_id = ANY (ARRAY(
              SELECT id FROM child WHERE id NOT IN (SELECT id FROM doomed)
              UNION ALL
              SELECT child_id FROM edge WHERE child_id NOT IN (SELECT id FROM live)
          ))
      AND d.parent_id = edge.parent_id
      AND d.child_id = edge.child_id
    RETURNING d.parent_id, d.child_id
), freed AS (
    SELECT child_id AS id, count(*) AS parents FROM gone WHERE child_id IN (SELECT id FROM child) GROUP BY child_id
), released AS (
    UPDATE dbjobs.background_job j
    SET pending = greatest(j.pending - freed.parents, 0),
        unresolved = j.unresolved AND j.pending > freed.parents,
        state = CASE
            WHEN j.pending > freed.parents THEN 'waiting'
            WHEN j.run_after > clock_timestamp() THEN 'scheduled'
            ELSE 'queued'
        END
    FROM freed
    WHERE j.id = ANY (ARRAY(SELECT id FROM freed)) AND j.id = freed.id
    RETURNING j.id, j.state, j.queue, j.priority, j.worker
), told AS (
    DELETE FROM dbjobs.ended_parent
    WHERE parent_id = ANY (ARRAY(
        SELECT parent.parent_id
        FROM parent
        WHERE (
            SELECT d.child_id
            FROM dbjobs.job_dependency d
            WHERE d.parent_id = parent.parent_id
              AND (d.parent_id, d.child_id) NOT IN (SELECT parent_id, child_id FROM gone)
            LIMIT 1
        ) IS NULL
    ))
)
SELECT id, state, queue, priority, worker, NULL::bigint AS failed_parent_id FROM released
UNION ALL
SELECT id, 'waiting', '', 0, NULL, failed_parent_id FROM doomed;
