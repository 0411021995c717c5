-- Are these jobs alive (state is NULL), or how have they ended? One snapshot sees both: a job that is moving to history
-- is in exactly one of the tables. It locks nothing, so a caller's open transaction holds nobody up; what happens to a
-- parent afterwards is resolve_children's business.
SELECT id, NULL::text AS state FROM dbjobs.background_job WHERE id = ANY (:ids::bigint[])
UNION ALL
SELECT id, state FROM dbjobs.completed_job WHERE id = ANY (:ids::bigint[])
UNION ALL
SELECT id, state FROM dbjobs.failed_job WHERE id = ANY (:ids::bigint[]);
