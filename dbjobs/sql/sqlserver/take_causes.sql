-- Takes out rows of one period that are old enough to fold or to forget, some at a time; the caller of a fold puts
-- their sums in, in the same transaction. It skips rows that another node has locked.
DECLARE @period int = :period, @before bigint = :before, @most int = :most;
DECLARE @taken TABLE (
    period_seconds int NOT NULL,
    starts bigint NOT NULL,
    cause nvarchar(64) NOT NULL,
    counter bigint NOT NULL,
    command nvarchar(510) NOT NULL,
    code nvarchar(max) NOT NULL,
    frame nvarchar(max) NOT NULL,
    jobs bigint NOT NULL,
    attempts bigint NOT NULL,
    first_at float NOT NULL,
    last_at float NOT NULL,
    message nvarchar(max) NOT NULL,
    sample nvarchar(max) NOT NULL
);
DELETE TOP (@most) r
OUTPUT
    deleted.period_seconds, deleted.starts, deleted.cause, deleted.counter, deleted.command, deleted.code,
    deleted.frame, deleted.jobs, deleted.attempts, deleted.first_at, deleted.last_at, deleted.message, deleted.sample
INTO @taken
FROM dbjobs.job_cause AS r WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE r.period_seconds = @period AND r.starts < @before;
SELECT (
    SELECT
        t.period_seconds, t.starts, t.cause, t.counter, t.command, t.code, t.frame, t.jobs, t.attempts, t.first_at,
        t.last_at, t.message, t.sample
    FROM @taken AS t
    FOR JSON PATH
) AS packed;
