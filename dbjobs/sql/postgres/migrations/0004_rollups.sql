-- How long attempts waited and ran, for people, by queue, command and named worker. job_stat, written with the
-- outcomes, stays the exact count; these rows come from the memory of nodes, a few seconds later, and lack what a
-- killed process had not written yet.
--
-- A node rewrites its own row of a minute as it counts (nobody else touches it), so a write can be repeated. Old
-- minutes become hours, and old hours days: a fold takes the rows out and puts their sum in, under its own number.
-- Readers add up. Histograms are JSON, bucket to count: bucket n holds 2 ** (n / 4) to 2 ** ((n + 1) / 4) milliseconds.
CREATE TABLE dbjobs.job_rollup (
    period_seconds  integer NOT NULL,           -- 60, 3600 or 86400
    starts          bigint NOT NULL,            -- seconds since 1970, by the database's clock
    name            text COLLATE "C" NOT NULL,  -- a hash of queue, command and worker, which together are too long for a key
    counter         bigint NOT NULL,            -- the node that counts; a random negative number: folded
    queue           text NOT NULL,
    command         text NOT NULL,
    worker          text NOT NULL,              -- '' for jobs without one
    completed       bigint NOT NULL,
    failed          bigint NOT NULL,
    cancelled       bigint NOT NULL,
    retried         bigint NOT NULL,
    run_ms          double precision NOT NULL,
    run_histogram   text NOT NULL,
    waits           bigint NOT NULL,            -- a sample: for how many attempts the wait is known
    wait_ms         double precision NOT NULL,
    wait_histogram  text NOT NULL,
    PRIMARY KEY (period_seconds, starts, name, counter)
) WITH (fillfactor = 50);
