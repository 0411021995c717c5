-- Makes a task known; one that exists yields no row. If two nodes start at once, one of them inserts.
INSERT INTO dbjobs_scheduled_task (
    name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, next_run_at, runs,
    revision
)
VALUES (
    :name, :declared, :definition, :request_type, :command, :interval_seconds, :cron, :zone, :rules, :job,
    :next_run_at, :runs, :revision
)
ON CONFLICT (name) DO NOTHING
RETURNING name;
