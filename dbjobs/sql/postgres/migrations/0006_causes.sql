-- Why attempts failed, for people: how often which error, raised in which of the application's own functions, ended an attempt
-- of which command. Nodes count in memory and write their own row of an hour anew every few seconds (only failures cost
-- anything), so a write can be repeated; what a killed process had not written yet is missing. Old hours become days: a fold
-- takes the rows out and puts the sum in, under a number of its own. A reader adds up.
CREATE TABLE dbjobs.job_cause (
    period_seconds  integer NOT NULL,           -- 3600 or 86400
    starts          bigint NOT NULL,            -- seconds since 1970, by the database's clock
    cause           text COLLATE "C" NOT NULL,  -- a hash of command, code and frame
    counter         bigint NOT NULL,            -- the node that counts; a random negative number: folded
    command         text NOT NULL,
    code            text NOT NULL,              -- the error's class, or a word of ours: timeout, http_500
    frame           text NOT NULL,              -- file:function where it was raised; '' if that is not known
    jobs            bigint NOT NULL,            -- that failed for good
    attempts        bigint NOT NULL,            -- that failed, theirs included
    first_at        double precision NOT NULL,  -- seconds since 1970, by the database's clock
    last_at         double precision NOT NULL,
    message         text NOT NULL,              -- of the last one
    sample          text NOT NULL,              -- JSON: ids of the last few jobs
    PRIMARY KEY (period_seconds, starts, cause, counter)
) WITH (fillfactor = 50);
