-- The last runs of a declared task.
UPDATE dbjobs_scheduled_task
SET runs = :runs, last_run_at = :last_run_at, missed = :missed
WHERE name = :name;
