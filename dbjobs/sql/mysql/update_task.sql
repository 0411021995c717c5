-- Writes a task that was read at this revision; no row if it has changed since, or if somebody has locked it.
SET @task = NULL;

SELECT name INTO @task FROM dbjobs_scheduled_task WHERE name = :name AND revision = :revision FOR UPDATE SKIP LOCKED;

UPDATE dbjobs_scheduled_task
SET declared = :declared, definition = :definition, request_type = :request_type, command = :command,
    interval_seconds = :interval_seconds, cron = :cron, zone = :zone, rules = :rules, job = :job, paused = :paused,
    next_run_at = :next_run_at, last_run_at = :last_run_at, runs = :runs, missed = :missed, skipped = :skipped,
    revision = revision + 1
WHERE name = :name AND @task IS NOT NULL;

SELECT :name AS name FROM (SELECT 1 AS one) o WHERE @task IS NOT NULL;
