-- Records that the body of a job with a callback succeeded: from now on only the callback runs, with its own tries. The
-- node keeps the job.
-- @each outcomes
UPDATE dbjobs_background_job
SET state = 'executed', executed_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), attempt_base = attempt - 1,
    response = :response, response_body = :response_body, duration_ms = :duration_ms,
    last_activity_at = strftime('%Y-%m-%d %H:%M:%f', 'now')
WHERE id = :id AND attempt = :attempt AND node_id = :node_id
RETURNING id;
