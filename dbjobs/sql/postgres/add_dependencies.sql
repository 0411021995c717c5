-- Records the edges of jobs that this transaction inserted, so nobody else writes these rows.
INSERT INTO dbjobs.job_dependency (parent_id, child_id)
SELECT parent_id, child_id
FROM unnest(:edges.parent_id::bigint[], :edges.child_id::bigint[]) AS e (parent_id, child_id);
