-- What changes of a live job while somebody looks at it. One that has ended is not found, which is a change too. A new log
-- line is always in the main file first; that older ones leave for their month is seen as a change, and does no harm.
SELECT j.id, j.state, j.attempt, j.progress, j.status, j.executed_at, j.cancel_requested_at, (
    SELECT max(l.id) FROM dbjobs_job_log l WHERE l.job_id = j.id
) AS log_id
FROM dbjobs_background_job j
WHERE j.id IN (SELECT value FROM json_each(:ids));
