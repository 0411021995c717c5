-- Why attempts failed, for people: how often which error, raised in which of the application's own functions, ended an
-- attempt of which command. Nodes count in memory and rewrite their own row of an hour every few seconds (only failures
-- cost anything), so a write can be repeated; counts that a killed process had not written yet are missing. Old hours
-- become days: a fold takes the rows out and puts their sum in, under its own number. Readers add up.
CREATE TABLE IF NOT EXISTS dbjobs_job_cause (
    period_seconds  INT NOT NULL,           -- 3600 or 86400
    starts          BIGINT NOT NULL,            -- seconds since 1970, by the database's clock
    cause           VARCHAR(64) NOT NULL,  -- a hash of command, code and frame
    counter         BIGINT NOT NULL,            -- the node that counts; a random negative number: folded
    command         VARCHAR(255) NOT NULL,
    code            TEXT NOT NULL,              -- the error's class, or a word of ours: timeout, http_500
    frame           TEXT NOT NULL,              -- file:function where it was raised; '' if unknown
    jobs            BIGINT NOT NULL,            -- that failed for good
    attempts        BIGINT NOT NULL,            -- that failed, those of these jobs included
    first_at        DOUBLE NOT NULL,  -- seconds since 1970, by the database's clock
    last_at         DOUBLE NOT NULL,
    message         TEXT NOT NULL,              -- of the last one
    sample          TEXT NOT NULL,              -- JSON: ids of the last few jobs
    PRIMARY KEY (period_seconds, starts, cause, counter)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE={bytewise};
