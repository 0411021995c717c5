-- Parents have ended, in this transaction: their children have one parent less to wait for. A child
-- whose parent did not complete is named in the result as doomed, unless it takes any end.
-- Children are updated in id order, so that two finishing nodes with common children do not deadlock.
WITH edge AS (
    DELETE FROM dbjobs.job_dependency d
    USING unnest(:parents.id::bigint[], :parents.state::text[]) AS p (id, state)
    WHERE d.parent_id = ANY (:parents.id::bigint[]) AND d.parent_id = p.id
    RETURNING d.child_id, p.state, p.id AS parent_id
), child AS (
    SELECT j.id,
        count(*) AS parents,
        min(edge.parent_id) FILTER (WHERE edge.state <> 'completed' AND j.depends_on_policy = 'completed')
            AS failed_parent_id
    FROM edge
    JOIN dbjobs.background_job j ON j.id = edge.child_id
    WHERE j.id = ANY (ARRAY(SELECT child_id FROM edge)) AND j.state = 'waiting'
    GROUP BY j.id
), locked AS (
    SELECT id FROM dbjobs.background_job WHERE id = ANY (ARRAY(SELECT id FROM child)) ORDER BY id FOR UPDATE
), released AS (
    UPDATE dbjobs.background_job j
    SET pending = greatest(j.pending - child.parents, 0),
        state = CASE
            WHEN child.failed_parent_id IS NOT NULL OR j.pending > child.parents THEN 'waiting'
            WHEN j.run_after > clock_timestamp() THEN 'scheduled'
            ELSE 'queued'
        END
    FROM child
    WHERE j.id = ANY (ARRAY(SELECT id FROM locked)) AND j.id = child.id AND j.state = 'waiting'
    RETURNING j.id, j.state, j.queue, j.priority, j.worker, child.failed_parent_id
)
SELECT id, state, queue, priority, worker, failed_parent_id FROM released;
