-- Writes a task that was read at this revision; no row if it has changed since, or if somebody has locked it.
WITH task AS (
    SELECT name FROM dbjobs.scheduled_task
    WHERE name = :name::text AND revision = :revision::bigint
    FOR UPDATE SKIP LOCKED
)
UPDATE dbjobs.scheduled_task t
SET declared = :declared::boolean, definition = :definition::text, request_type = :request_type::text,
    command = :command::text, interval_seconds = :interval_seconds::double precision, cron = :cron::text,
    zone = :zone::text, rules = :rules::json, job = :job::json, paused = :paused::boolean,
    next_run_at = :next_run_at::timestamptz, last_run_at = :last_run_at::timestamptz, runs = :runs::json,
    missed = :missed::bigint, skipped = :skipped::bigint, revision = t.revision + 1
WHERE t.name = ANY (ARRAY(SELECT name FROM task))
RETURNING t.name;
