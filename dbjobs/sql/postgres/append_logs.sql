-- Log lines of jobs that are history already: their handlers completed them (job.transaction()) and went on. Without a
-- fence or a look at the job: only the attempt whose own transaction committed comes here.
INSERT INTO dbjobs.job_log (job_id, job_created_at, attempt, at, level, message)
SELECT
    l.job_id, (l.created_at || '+00')::timestamptz, l.attempt,
    clock_timestamp() - l.age_seconds * interval '1 second', l.level, l.message
FROM unnest(
    :lines.job_id::bigint[], :lines.created_at::text[], :lines.attempt::integer[],
    :lines.age_seconds::double precision[], :lines.level::text[], :lines.message::text[]
) WITH ORDINALITY AS l (job_id, created_at, attempt, age_seconds, level, message, position)
ORDER BY l.position;
