-- What can change in a live job while somebody looks at it. An ended job yields no row, which is a change, too. A new
-- log line is in the main file first, but may move to its month before the next look: then the number of the newest
-- line of any job stands in for it. That one moves with other jobs' lines as well, which does no harm.
SELECT j.id, j.state, j.attempt, j.progress, j.status, j.executed_at, j.cancel_requested_at, coalesce(
    (SELECT max(l.id) FROM dbjobs_job_log l WHERE l.job_id = j.id),
    (SELECT seq FROM sqlite_sequence WHERE name = 'dbjobs_job_log')
) AS log_id
FROM dbjobs_background_job j
WHERE j.id IN (SELECT value FROM json_each(:ids));
