-- Are these jobs alive (state is NULL), or how did they end? One snapshot sees both: a job that is moving to history is
-- in exactly one of the tables. It locks nothing, so a caller's open transaction holds nobody up; resolve_children
-- deals with what happens to a parent afterwards.
SELECT id, NULL::text AS state FROM dbjobs.background_job WHERE id = ANY (:ids::bigint[])
UNION ALL
SELECT id, state FROM dbjobs.completed_job WHERE id = ANY (:ids::bigint[])
UNION ALL
SELECT id, state FROM dbjobs.failed_job WHERE id = ANY (:ids::bigint[]);
