-- What can change in a live job while somebody looks at it. An ended job yields no row, which is a change, too.
-- The primary keys serve it; it locks nothing.
SELECT j.id, j.state, j.attempt, j.progress, j.status, j.executed_at, j.cancel_requested_at, (
    SELECT max(l.id) FROM dbjobs.job_log l WHERE l.job_id = j.id
) AS log_id
FROM dbjobs.background_job j
WHERE j.id = ANY (:ids::bigint[]);
