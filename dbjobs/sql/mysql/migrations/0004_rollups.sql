-- How long attempts waited and ran, for people, by queue, command and named worker. job_stat, written with the
-- outcomes, stays the exact count; these rows come from the memory of nodes, a few seconds later, and lack what a
-- killed process had not written yet.
--
-- A node rewrites its own row of a minute as it counts (nobody else touches it), so a write can be repeated. Old
-- minutes become hours, and old hours days: a fold takes the rows out and puts their sum in, under its own number.
-- Readers add up. Histograms are JSON, bucket to count: bucket n holds 2 ** (n / 4) to 2 ** ((n + 1) / 4) milliseconds.
CREATE TABLE IF NOT EXISTS dbjobs_job_rollup (
    period_seconds  INT NOT NULL,               -- 60, 3600 or 86400
    starts          BIGINT NOT NULL,            -- seconds since 1970, by the database's clock
    name            VARCHAR(64) NOT NULL,       -- a hash of queue, command and worker, which together are too long for a key
    counter         BIGINT NOT NULL,            -- the node that counts; a random negative number: folded
    queue           VARCHAR(255) NOT NULL,
    command         VARCHAR(255) NOT NULL,
    worker          VARCHAR(255) NOT NULL,      -- '' for jobs without one
    completed       BIGINT NOT NULL,
    failed          BIGINT NOT NULL,
    cancelled       BIGINT NOT NULL,
    retried         BIGINT NOT NULL,
    run_ms          DOUBLE NOT NULL,
    run_histogram   LONGTEXT NOT NULL,
    waits           BIGINT NOT NULL,            -- a sample: for how many attempts the wait is known
    wait_ms         DOUBLE NOT NULL,
    wait_histogram  LONGTEXT NOT NULL,
    PRIMARY KEY (period_seconds, starts, name, counter)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};
