-- Why attempts failed in an hour on one node, in full: it replaces the row of that node, so a write with a lost answer
-- can be repeated safely. Also the sums of a fold, under a number that nobody else uses.
DECLARE @rows nvarchar(max) = :rows;
DECLARE @row TABLE (
    period_seconds int NOT NULL,
    starts bigint NOT NULL,
    cause nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    counter bigint NOT NULL,
    command nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    code nvarchar(max) NOT NULL,
    frame nvarchar(max) NOT NULL,
    jobs bigint NOT NULL,
    attempts bigint NOT NULL,
    first_at float NOT NULL,
    last_at float NOT NULL,
    message nvarchar(max) NOT NULL,
    sample nvarchar(max) NOT NULL
);
INSERT INTO @row
SELECT
    r.period_seconds, r.starts, r.cause, r.counter, r.command, r.code, r.frame,
    r.jobs, r.attempts, r.first_at, r.last_at, r.message, r.sample
FROM OPENJSON(@rows) WITH (
    period_seconds int, starts bigint, cause nvarchar(64), counter bigint, command nvarchar(510),
    code nvarchar(max), frame nvarchar(max), jobs bigint, attempts bigint, first_at float, last_at float,
    message nvarchar(max), sample nvarchar(max)
) AS r;

BEGIN TRANSACTION;
UPDATE j
SET jobs = r.jobs, attempts = r.attempts, first_at = r.first_at, last_at = r.last_at, message = r.message,
    sample = r.sample
FROM @row AS r
JOIN dbjobs.job_cause AS j WITH (ROWLOCK, FORCESEEK)
    ON j.period_seconds = r.period_seconds AND j.starts = r.starts AND j.cause = r.cause AND j.counter = r.counter;
INSERT INTO dbjobs.job_cause (
    period_seconds, starts, cause, counter, command, code, frame, jobs, attempts, first_at, last_at, message, sample
)
SELECT
    r.period_seconds, r.starts, r.cause, r.counter, r.command, r.code, r.frame, r.jobs, r.attempts, r.first_at,
    r.last_at, r.message, r.sample
FROM @row AS r
WHERE NOT EXISTS (
    SELECT 1
    FROM dbjobs.job_cause AS j WITH (FORCESEEK)
    WHERE j.period_seconds = r.period_seconds AND j.starts = r.starts AND j.cause = r.cause AND j.counter = r.counter
);
COMMIT TRANSACTION;
