-- Scheduled tasks: what recurs, when it runs next, and its last runs. A few hundred rows.
--
-- A row is changed by comparing its revision, in one statement. Firing a task, pausing it and declaring it anew have read
-- the row before, and change nothing if somebody else was faster. So the list of the last runs can be one JSON text on the
-- row (at most 20): a table of runs would have to be written and pruned beside it, in the same packet, for nothing more.
CREATE TABLE IF NOT EXISTS dbjobs_scheduled_task (
    name                VARCHAR(255) NOT NULL PRIMARY KEY,
    declared            TINYINT NOT NULL,                    -- in code: only nodes that declare it may fire it
    definition          VARCHAR(64) NOT NULL,                -- hash of what was declared
    request_type        VARCHAR(20) NOT NULL,
    command             VARCHAR(255) NOT NULL,
    interval_seconds    DOUBLE,                              -- either this
    cron                VARCHAR(255),                        -- or this
    zone                VARCHAR(255) NOT NULL,
    rules               LONGTEXT NOT NULL,                   -- JSON: misfire, overlap, jitter, start, end
    job                 LONGTEXT NOT NULL,                   -- JSON: request and options of its jobs
    paused              TINYINT NOT NULL DEFAULT 0,
    next_run_at         DATETIME(6),                         -- NULL: never again
    last_run_at         DATETIME(6),                         -- the time that the last run was for
    runs                LONGTEXT NOT NULL,                   -- JSON: the ends of the ref_ids of the last runs
    missed              BIGINT NOT NULL DEFAULT 0,           -- times that passed while nobody was there
    skipped             BIGINT NOT NULL DEFAULT 0,           -- times left out because the last run had not ended
    revision            BIGINT NOT NULL,            -- counts up, from a random number: a task made anew is another one
    created_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    -- Serves next_due and find_due_tasks.
    KEY due (paused, next_run_at),
    CHECK ((interval_seconds IS NULL) <> (cron IS NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};
