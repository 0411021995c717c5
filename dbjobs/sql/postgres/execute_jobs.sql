-- Records that the body of a job with a callback succeeded: from now on only the callback runs, with its own tries. The
-- node keeps the job.
UPDATE dbjobs.background_job j
SET state = 'executed', executed_at = clock_timestamp(), attempt_base = j.attempt - 1,
    response = o.response, response_body = o.response_body, duration_ms = o.duration_ms,
    last_activity_at = now()
FROM unnest(
    :outcomes.id::bigint[], :outcomes.attempt::integer[], :outcomes.response::text[],
    :outcomes.response_body::json[], :outcomes.duration_ms::double precision[]
) AS o (id, attempt, response, response_body, duration_ms)
WHERE j.id = ANY (:outcomes.id::bigint[])
  AND j.id = o.id
  AND j.attempt = o.attempt
  AND j.node_id IS NOT DISTINCT FROM :node_id
RETURNING j.id;
