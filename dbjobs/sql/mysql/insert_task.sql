-- Makes a task known; one that exists yields no row. If two nodes start at once, one of them inserts, and the other one
-- waits for its packet to end. Not INSERT IGNORE: it would also hide errors.
INSERT INTO dbjobs_scheduled_task (
    name, declared, definition, request_type, command, interval_seconds, cron, zone, rules, job, next_run_at, runs,
    revision
)
VALUES (
    :name, :declared, :definition, :request_type, :command, :interval_seconds, :cron, :zone, :rules, :job,
    :next_run_at, :runs, :revision
)
ON DUPLICATE KEY UPDATE name = name;

-- The first revision is random, so it tells whose row this is. (Not ROW_COUNT(): see heartbeat.)
SELECT name FROM dbjobs_scheduled_task WHERE name = :name AND revision = :revision;
