-- Scheduled tasks: what recurs, when it runs next, and its last runs. A few hundred rows.
--
-- Every change compares the revision, in one transaction. Firing, pausing and redeclaring a task read the row first,
-- and change nothing if somebody else was faster. So the last runs (at most 20) can be one JSON text on the row: a
-- table of runs would have to be written and pruned as well, and would gain nothing.
CREATE TABLE dbjobs_scheduled_task (
    name                TEXT PRIMARY KEY,
    declared            INTEGER NOT NULL,           -- in code: only nodes that declare it may fire it
    definition          TEXT NOT NULL,              -- hash of the declaration: an unchanged one is not written again
    request_type        TEXT NOT NULL,
    command             TEXT NOT NULL,
    interval_seconds    REAL,                       -- either this
    cron                TEXT,                       -- or this
    zone                TEXT NOT NULL,
    rules               TEXT NOT NULL,              -- JSON: misfire, overlap, jitter, start, end
    job                 TEXT NOT NULL,              -- JSON: request and options of its jobs
    paused              INTEGER NOT NULL DEFAULT 0,
    next_run_at         TEXT,                       -- NULL: never again
    last_run_at         TEXT,                       -- the scheduled time of the last run
    runs                TEXT NOT NULL DEFAULT '[]', -- JSON: the ends of the ref_ids of the last runs, oldest first
    missed              INTEGER NOT NULL DEFAULT 0, -- times that passed while no node was there
    skipped             INTEGER NOT NULL DEFAULT 0, -- times left out because the last run had not ended
    revision            INTEGER NOT NULL,           -- counts up from a random number: a task made again is another one
    created_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    CHECK ((interval_seconds IS NULL) <> (cron IS NULL))
) STRICT, WITHOUT ROWID;
-- Serves next_due and find_due_tasks.
CREATE INDEX dbjobs_scheduled_task_due ON dbjobs_scheduled_task (next_run_at)
    WHERE paused = 0 AND next_run_at IS NOT NULL;
