-- Minutes older than two days become hours, of all nodes together (node 0).
DECLARE @before datetime2(0) = DATEADD(hour, DATEDIFF(hour, '2020-01-01', SYSUTCDATETIME()) - 48, '2020-01-01');
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
DECLARE @count TABLE (
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
DELETE FROM dbjobs.job_stat
OUTPUT deleted.minute, deleted.queue, deleted.command, deleted.completed, deleted.failed, deleted.cancelled,
    deleted.retried, deleted.duration_ms
INTO @old (minute, queue, command, completed, failed, cancelled, retried, duration_ms)
WHERE minute < @before AND (node_id <> 0 OR DATEPART(minute, minute) <> 0);
INSERT INTO @count (minute, queue, command, completed, failed, cancelled, retried, duration_ms)
SELECT DATEADD(minute, -DATEPART(minute, o.minute), o.minute), o.queue, o.command, SUM(o.completed), SUM(o.failed),
    SUM(o.cancelled), SUM(o.retried), SUM(o.duration_ms)
FROM @old AS o
GROUP BY DATEADD(minute, -DATEPART(minute, o.minute), o.minute), o.queue, o.command;
UPDATE s
SET completed = s.completed + c.completed, failed = s.failed + c.failed, cancelled = s.cancelled + c.cancelled,
    retried = s.retried + c.retried, duration_ms = s.duration_ms + c.duration_ms
FROM @count AS c
JOIN dbjobs.job_stat AS s WITH (UPDLOCK, SERIALIZABLE, FORCESEEK)
    ON s.minute = c.minute AND s.queue = c.queue AND s.command = c.command AND s.node_id = 0;
INSERT INTO dbjobs.job_stat (minute, queue, command, node_id, completed, failed, cancelled, retried, duration_ms)
SELECT c.minute, c.queue, c.command, 0, c.completed, c.failed, c.cancelled, c.retried, c.duration_ms
FROM @count AS c
WHERE NOT EXISTS (
    SELECT 1 FROM dbjobs.job_stat AS s WITH (UPDLOCK, SERIALIZABLE)
    WHERE s.minute = c.minute AND s.queue = c.queue AND s.command = c.command AND s.node_id = 0
);
COMMIT TRANSACTION;
