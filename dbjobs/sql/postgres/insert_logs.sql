-- Fenced: an attempt that is no longer ours writes nothing.
INSERT INTO dbjobs.job_log (job_id, job_created_at, attempt, at, level, message)
SELECT l.job_id, j.created_at, l.attempt, clock_timestamp() - l.age_seconds * interval '1 second', l.level, l.message
FROM unnest(
    :lines.job_id::bigint[], :lines.attempt::integer[], :lines.age_seconds::double precision[],
    :lines.level::text[], :lines.message::text[]
) WITH ORDINALITY AS l (job_id, attempt, age_seconds, level, message, position)
JOIN dbjobs.background_job j ON j.id = l.job_id AND j.attempt = l.attempt
WHERE j.id = ANY (:lines.job_id::bigint[]) AND j.node_id IS NOT DISTINCT FROM :node_id
ORDER BY l.position;
