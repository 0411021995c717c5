-- Scheduled tasks: what recurs, when it runs next, and its last runs. A few hundred rows.
--
-- Every change compares the revision, in one statement. Firing, pausing and redeclaring a task read the row first, and
-- change nothing if somebody else was faster. So the last runs (at most 20) can be one JSON text on the row: a table of
-- runs would have to be written and pruned as well, in the same statement, and would gain nothing.
CREATE TABLE dbjobs.scheduled_task (
    name                text COLLATE "C" PRIMARY KEY,
    declared            boolean NOT NULL,           -- in code: only nodes that declare it may fire it
    definition          text NOT NULL,              -- hash of the declaration: an unchanged one is not written again
    request_type        text NOT NULL,
    command             text NOT NULL,
    interval_seconds    double precision,           -- either this
    cron                text,                       -- or this
    zone                text NOT NULL,
    rules               json NOT NULL,              -- misfire, overlap, jitter, start, end
    job                 json NOT NULL,              -- request and options of its jobs, as insert_jobs takes them
    paused              boolean NOT NULL DEFAULT false,
    next_run_at         timestamptz,                -- NULL: never again
    last_run_at         timestamptz,                -- the scheduled time of the last run
    runs                json NOT NULL DEFAULT '[]', -- the ends of the ref_ids of the last runs, oldest first
    missed              bigint NOT NULL DEFAULT 0,  -- times that passed while no node was there
    skipped             bigint NOT NULL DEFAULT 0,  -- times left out because the last run had not ended
    revision            bigint NOT NULL,            -- counts up from a random number: a task made again is another one
    created_at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((interval_seconds IS NULL) <> (cron IS NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
-- Serves next_due and find_due_tasks.
CREATE INDEX scheduled_task_due ON dbjobs.scheduled_task (next_run_at) WHERE NOT paused AND next_run_at IS NOT NULL;
