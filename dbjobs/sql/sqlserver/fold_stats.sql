-- Folds rows older than :kept hours into one for each :hours (1, or 24: a day), all counters together (counter 0).
-- Locked rows stay for the next time (READPAST). An hour may get several rows, one for each fold: readers add up.
DECLARE @kept int = :kept, @hours int = :hours;
DECLARE @before datetime2(0) = DATEADD(hour,
    DATEDIFF(hour, '2020-01-01', DATEADD(hour, -@kept, SYSUTCDATETIME())) / @hours * @hours, '2020-01-01');
DECLARE @old TABLE (
    minute      datetime2(0) NOT NULL,
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command     nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    completed   bigint NOT NULL,
    failed      bigint NOT NULL,
    cancelled   bigint NOT NULL,
    retried     bigint NOT NULL,
    duration_ms float NOT NULL
);

BEGIN TRANSACTION;
DELETE s
OUTPUT deleted.minute, deleted.queue, deleted.command, deleted.completed, deleted.failed, deleted.cancelled,
    deleted.retried, deleted.duration_ms
INTO @old (minute, queue, command, completed, failed, cancelled, retried, duration_ms)
FROM dbjobs.job_stat AS s WITH (READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE s.minute < @before AND (s.counter <> 0 OR DATEPART(minute, s.minute) <> 0 OR DATEPART(hour, s.minute) % @hours <> 0);
INSERT INTO dbjobs.job_stat (minute, queue, command, counter, completed, failed, cancelled, retried, duration_ms)
SELECT DATEADD(minute, -DATEPART(minute, o.minute) - 60 * (DATEPART(hour, o.minute) % @hours), o.minute), o.queue,
    o.command, 0, SUM(o.completed), SUM(o.failed), SUM(o.cancelled), SUM(o.retried), SUM(o.duration_ms)
FROM @old AS o
GROUP BY DATEADD(minute, -DATEPART(minute, o.minute) - 60 * (DATEPART(hour, o.minute) % @hours), o.minute), o.queue, o.command;
COMMIT TRANSACTION;
