-- Why attempts failed, for people: how often which error, raised in which of the application's own functions, ended an
-- attempt of which command. Nodes count in memory and rewrite their own row of an hour every few seconds (only failures
-- cost anything), so a write can be repeated; counts that a killed process had not written yet are missing. Old hours
-- become days: a fold takes the rows out and puts their sum in, under its own number. Readers add up.
CREATE TABLE dbjobs.job_cause (
    period_seconds  int NOT NULL,           -- 3600 or 86400
    starts          bigint NOT NULL,            -- seconds since 1970, by the database's clock
    cause           nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,  -- a hash of command, code and frame
    counter         bigint NOT NULL,            -- the node that counts; a random negative number: folded
    command         nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    code            nvarchar(max) NOT NULL,              -- the error's class, or a word of ours: timeout, http_500
    frame           nvarchar(max) NOT NULL,              -- file:function where it was raised; '' if unknown
    jobs            bigint NOT NULL,            -- that failed for good
    attempts        bigint NOT NULL,            -- that failed, those of these jobs included
    first_at        float NOT NULL,  -- seconds since 1970, by the database's clock
    last_at         float NOT NULL,
    message         nvarchar(max) NOT NULL,              -- of the last one
    sample          nvarchar(max) NOT NULL,              -- JSON: ids of the last few jobs
    CONSTRAINT job_cause_pkey PRIMARY KEY CLUSTERED (period_seconds, starts, cause, counter)
);
ALTER TABLE dbjobs.job_cause SET (LOCK_ESCALATION = DISABLE);
