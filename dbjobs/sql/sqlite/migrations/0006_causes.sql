-- Why attempts failed, for people: how often which error, raised in which of the application's own functions, ended an
-- attempt of which command. Nodes count in memory and rewrite their own row of an hour every few seconds (only failures
-- cost anything), so a write can be repeated; counts that a killed process had not written yet are missing. Old hours
-- become days: a fold takes the rows out and puts their sum in, under its own number. Readers add up.
CREATE TABLE dbjobs_job_cause (
    period_seconds  INTEGER NOT NULL,           -- 3600 or 86400
    starts          INTEGER NOT NULL,            -- seconds since 1970, by the database's clock
    cause           TEXT NOT NULL,  -- a hash of command, code and frame
    counter         INTEGER NOT NULL,            -- the node that counts; a random negative number: folded
    command         TEXT NOT NULL,
    code            TEXT NOT NULL,              -- the error's class, or a word of ours: timeout, http_500
    frame           TEXT NOT NULL,              -- file:function where it was raised; '' if unknown
    jobs            INTEGER NOT NULL,            -- that failed for good
    attempts        INTEGER NOT NULL,            -- that failed, those of these jobs included
    first_at        REAL NOT NULL,  -- seconds since 1970, by the database's clock
    last_at         REAL NOT NULL,
    message         TEXT NOT NULL,              -- of the last one
    sample          TEXT NOT NULL,              -- JSON: ids of the last few jobs
    PRIMARY KEY (period_seconds, starts, cause, counter)
) STRICT;
