-- Makes a task known; one that exists yields no row. If two nodes start at once, one of them inserts.
INSERT INTO dbjobs.scheduled_task (
    name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, next_run_at, runs,
    revision
)
VALUES (
    :name::text, :declared::boolean, :definition::text, :request_type::text, :command::text,
    :interval_seconds::double precision, :cron::text, :zone::text, :rules::json, :job::json,
    :next_run_at::timestamptz, :runs::json, :revision::bigint
)
ON CONFLICT (name) DO NOTHING
RETURNING name;
