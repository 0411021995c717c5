-- How long attempts waited and ran, for people, by queue, command and named worker. job_stat, written with the
-- outcomes, stays the exact count; these rows come from the memory of nodes, a few seconds later, and lack what a
-- killed process had not written yet.
--
-- A node rewrites its own row of a minute as it counts (nobody else touches it), so a write can be repeated. Old
-- minutes become hours, and old hours days: a fold takes the rows out and puts their sum in, under its own number.
-- Readers add up. Histograms are JSON, bucket to count: bucket n holds 2 ** (n / 4) to 2 ** ((n + 1) / 4) milliseconds.
CREATE TABLE dbjobs_job_rollup (
    period_seconds  INTEGER NOT NULL,           -- 60, 3600 or 86400
    starts          INTEGER NOT NULL,           -- seconds since 1970, by the database's clock
    name            TEXT NOT NULL,              -- a hash of queue, command and worker
    counter         INTEGER NOT NULL,           -- the node that counts; a random negative number: folded
    queue           TEXT NOT NULL,
    command         TEXT NOT NULL,
    worker          TEXT NOT NULL,              -- '' for jobs without one
    completed       INTEGER NOT NULL,
    failed          INTEGER NOT NULL,
    cancelled       INTEGER NOT NULL,
    retried         INTEGER NOT NULL,
    run_ms          REAL NOT NULL,
    run_histogram   TEXT NOT NULL,
    waits           INTEGER NOT NULL,           -- a sample: for how many attempts the wait is known
    wait_ms         REAL NOT NULL,
    wait_histogram  TEXT NOT NULL,
    PRIMARY KEY (period_seconds, starts, name, counter)
) STRICT;
