-- Scheduled tasks: what recurs, when it runs next, and its last runs. A few hundred rows.
--
-- Every change compares the revision, in one statement. Firing, pausing and redeclaring a task read the row first, and
-- change nothing if somebody else was faster. So the last runs (at most 20) can be one JSON text on the row: a table of
-- runs would have to be written and pruned as well, in the same batch, and would gain nothing.
CREATE TABLE dbjobs.scheduled_task (
    name                nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL
                        CONSTRAINT scheduled_task_pkey PRIMARY KEY NONCLUSTERED,
    declared            bit NOT NULL,               -- in code: only nodes that declare it may fire it
    definition          nvarchar(64) NOT NULL,      -- hash of the declaration: an unchanged one is not written again
    request_type        nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command             nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    interval_seconds    float,                      -- either this
    cron                nvarchar(255),              -- or this
    zone                nvarchar(255) NOT NULL,
    rules               nvarchar(max) NOT NULL,     -- JSON: misfire, overlap, jitter, start, end
    job                 nvarchar(max) NOT NULL,     -- JSON: request and options of its jobs
    paused              bit NOT NULL DEFAULT 0,
    next_run_at         datetime2(6),               -- NULL: never again
    last_run_at         datetime2(6),               -- the scheduled time of the last run
    runs                nvarchar(max) NOT NULL,     -- JSON: the ends of the ref_ids of the last runs, oldest first
    missed              bigint NOT NULL DEFAULT 0,  -- times that passed while no node was there
    skipped             bigint NOT NULL DEFAULT 0,  -- times left out because the last run had not ended
    revision            bigint NOT NULL,            -- counts up from a random number: a task made again is another one
    created_at          datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(),
    CONSTRAINT scheduled_task_when CHECK (
        (interval_seconds IS NULL AND cron IS NOT NULL) OR (interval_seconds IS NOT NULL AND cron IS NULL)
    )
);
ALTER TABLE dbjobs.scheduled_task SET (LOCK_ESCALATION = DISABLE);
-- Serves next_due and find_due_tasks.
CREATE INDEX scheduled_task_due ON dbjobs.scheduled_task (next_run_at) INCLUDE (declared, name, command)
    WHERE paused = 0 AND next_run_at IS NOT NULL;
