-- Scheduled tasks: what recurs, when it runs next, and its last runs. A few hundred rows.
--
-- A row is changed by comparing its revision, in one transaction. Firing a task, pausing it and declaring it anew have
-- read the row before, and change nothing if somebody else was faster. So the list of the last runs can be one JSON text on
-- the row (at most 20): a table of runs would have to be written and pruned beside it for nothing more.
CREATE TABLE dbjobs_scheduled_task (
    name                TEXT PRIMARY KEY,
    declared            INTEGER NOT NULL,           -- in code: only nodes that declare it may fire it
    definition          TEXT NOT NULL,              -- hash of what was declared: an unchanged one is not written again
    request_type        TEXT NOT NULL,
    command             TEXT NOT NULL,
    interval_seconds    REAL,                       -- either this
    cron                TEXT,                       -- or this
    zone                TEXT NOT NULL,
    rules               TEXT NOT NULL,              -- JSON: misfire, overlap, jitter, start, end
    job                 TEXT NOT NULL,              -- JSON: request and options of its jobs
    paused              INTEGER NOT NULL DEFAULT 0,
    next_run_at         TEXT,                       -- NULL: never again
    last_run_at         TEXT,                       -- the time that the last run was for
    runs                TEXT NOT NULL DEFAULT '[]', -- JSON: the ends of the ref_ids of the last runs, oldest first
    missed              INTEGER NOT NULL DEFAULT 0, -- times that passed while nobody was there
    skipped             INTEGER NOT NULL DEFAULT 0, -- times left out because the last run had not ended
    revision            INTEGER NOT NULL,           -- counts up, from a random number: a task made anew is another one
    created_at          TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')),
    CHECK ((interval_seconds IS NULL) <> (cron IS NULL))
) STRICT, WITHOUT ROWID;
-- Serves next_due and find_due_tasks.
CREATE INDEX dbjobs_scheduled_task_due ON dbjobs_scheduled_task (next_run_at)
    WHERE paused = 0 AND next_run_at IS NOT NULL;
