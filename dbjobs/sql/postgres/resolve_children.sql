-- Resolves the children that an enqueue left unresolved: it tells their parents of them, or finds that these have
-- ended.
--
-- * One statement with its own commit. It locks children and live parents with SKIP LOCKED: what somebody else has
--   locked stays as it is, and the next sweep comes back for it.
-- * A parent is flagged (has_dependents) under its row's lock. Its finish reads the flag from the row version that it
--   deletes and then writes ended_parent; a release that sees that row sees our edges too. So a child is resolved once
--   each of its remaining parents is alive and flagged. It need not lock a parent that has the flag already.
-- * Plain reads are of one snapshot: a parent that is not alive in it is in history in it, or is gone for good
--   (`gone`: its month was dropped), which counts as cancelled. A parent that is alive in the snapshot but could not be
--   locked (it is ending at this moment) leaves the child undecided.
-- * It deletes an edge only under its child's lock, and lowers `pending` by the edges that it really deleted: the
--   snapshot may still show one that release_children has removed meanwhile.
-- * In a chain a row may be child and parent at once, and PostgreSQL applies only one of two updates of a row in one
--   statement: so there is one update, over both.
-- * It leaves a child alone that its policy dooms, and names it: the caller cancels it.
WITH child AS (
    SELECT id, depends_on_policy
    FROM dbjobs.background_job
    WHERE id = ANY (:ids::bigint[]) AND unresolved AND state = 'waiting'
    ORDER BY id
    FOR UPDATE SKIP LOCKED
), edge AS (
    SELECT d.child_id, d.parent_id
    FROM dbjobs.job_dependency d
    WHERE d.child_id = ANY (ARRAY(SELECT id FROM child))
), live AS (
    SELECT id, has_dependents
    FROM dbjobs.background_job
    WHERE id = ANY (ARRAY(SELECT parent_id FROM edge))
), locked AS (
    SELECT id
    FROM dbjobs.background_job
    WHERE id = ANY (ARRAY(SELECT id FROM live WHERE NOT has_dependents))
    ORDER BY id
    FOR UPDATE SKIP LOCKED
), away AS (
    SELECT DISTINCT parent_id AS id FROM edge WHERE parent_id NOT IN (SELECT id FROM live)
), ended AS (
    SELECT id, state FROM dbjobs.completed_job WHERE id = ANY (ARRAY(SELECT id FROM away))
    UNION ALL
    SELECT id, state FROM dbjobs.failed_job WHERE id = ANY (ARRAY(SELECT id FROM away))
), verdict AS (
    SELECT edge.child_id, edge.parent_id,
        away.id IS NOT NULL AS over,
        away.id IS NOT NULL AND child.depends_on_policy = 'completed'
            AND coalesce(ended.state, 'gone') <> 'completed' AS dooms,
        away.id IS NULL AND NOT live.has_dependents AND locked.id IS NULL AS undecided
    FROM edge
    JOIN child ON child.id = edge.child_id
    LEFT JOIN live ON live.id = edge.parent_id
    LEFT JOIN locked ON locked.id = edge.parent_id
    LEFT JOIN away ON away.id = edge.parent_id
    LEFT JOIN ended ON ended.id = edge.parent_id
), decision AS (
    SELECT child.id,
        coalesce(bool_or(verdict.undecided), false) AS undecided,
        min(verdict.parent_id) FILTER (WHERE verdict.dooms) AS failed_parent_id
    FROM child
    LEFT JOIN verdict ON verdict.child_id = child.id
    GROUP BY child.id
), settled AS (
    DELETE FROM dbjobs.job_dependency d
    USING verdict v
    WHERE d.child_id = ANY (ARRAY(SELECT id FROM decision WHERE failed_parent_id IS NULL))
      AND d.child_id = v.child_id
      AND d.parent_id = v.parent_id
      AND v.over
    RETURNING d.child_id
), freed AS (
    SELECT child_id AS id, count(*) AS parents FROM settled GROUP BY child_id
), target AS (
    SELECT coalesce(d.id, l.id) AS id, l.id IS NOT NULL AS flagged, d.id IS NOT NULL AS is_child, d.undecided,
        coalesce(f.parents, 0) AS parents
    FROM (SELECT * FROM decision WHERE failed_parent_id IS NULL) d
    FULL JOIN locked l ON l.id = d.id
    LEFT JOIN freed f ON f.id = d.id
), written AS (
    UPDATE dbjobs.background_job j
    SET has_dependents = j.has_dependents OR t.flagged,
        unresolved = CASE WHEN t.is_child THEN t.undecided AND j.pending > t.parents ELSE j.unresolved END,
        pending = greatest(j.pending - t.parents, 0),
        state = CASE
            WHEN NOT t.is_child OR j.pending > t.parents THEN j.state
            WHEN j.run_after > clock_timestamp() THEN 'scheduled'
            ELSE 'queued'
        END
    FROM target t
    WHERE j.id = ANY (ARRAY(SELECT id FROM target WHERE flagged OR NOT undecided OR parents > 0)) AND j.id = t.id
    RETURNING j.id, j.state, j.queue, j.priority, j.worker, t.is_child
)
SELECT id, state, queue, priority, worker, NULL::bigint AS failed_parent_id FROM written WHERE is_child
UNION ALL
SELECT id, 'waiting', '', 0, NULL, failed_parent_id FROM decision WHERE failed_parent_id IS NOT NULL;
