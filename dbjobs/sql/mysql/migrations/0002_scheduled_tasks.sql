-- Scheduled tasks: what recurs, when it runs next, and its last runs. A few hundred rows.
--
-- Every change compares the revision, in one statement. Firing, pausing and redeclaring a task read the row first, and
-- change nothing if somebody else was faster. So the last runs (at most 20) can be one JSON text on the row: a table of
-- runs would have to be written and pruned as well, in the same packet, and would gain nothing.
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
    last_run_at         DATETIME(6),                         -- the scheduled time of the last run
    runs                LONGTEXT NOT NULL,                   -- JSON: the ends of the ref_ids of the last runs
    missed              BIGINT NOT NULL DEFAULT 0,           -- times that passed while no node was there
    skipped             BIGINT NOT NULL DEFAULT 0,           -- times left out because the last run had not ended
    revision            BIGINT NOT NULL,            -- counts up from a random number: a task made again is another one
    created_at          DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
    -- Serves next_due and find_due_tasks.
    KEY due (paused, next_run_at),
    CHECK ((interval_seconds IS NULL) <> (cron IS NULL))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};
