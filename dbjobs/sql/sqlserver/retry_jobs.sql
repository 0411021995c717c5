-- Schedules retries of failed attempts. If a cancellation was requested meanwhile, the job yields no row: the caller
-- ends it instead. It locks our rows by id, decides everything by the locked rows, then writes them. A blocked lane
-- stays taken, by the job, until the job is due.
DECLARE @node_id bigint = :node_id, @counter bigint = :counter, @outcomes nvarchar(max) = :outcomes;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max);
DECLARE @minute datetime2(0) = DATEADD(minute, DATEDIFF(minute, '2020-01-01', @now), '2020-01-01');
DECLARE @outcome TABLE (
    id              bigint NOT NULL PRIMARY KEY,
    attempt         int NOT NULL,
    delay_seconds   float NOT NULL,
    error_code      nvarchar(510),
    error           nvarchar(max),
    failure         nvarchar(max),
    block_worker    bit,
    release_worker  bit
);
DECLARE @retried TABLE (
    id      bigint NOT NULL PRIMARY KEY,
    worker  nvarchar(510) COLLATE Latin1_General_100_BIN2,
    queue   nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    state   nvarchar(20) COLLATE Latin1_General_100_BIN2 NOT NULL
);
DECLARE @count TABLE (
    queue   nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    command nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    retried bigint NOT NULL,
    row_id  bigint      -- our row in job_stat; NULL: there is none, or somebody has locked it
);
INSERT INTO @outcome (id, attempt, delay_seconds, error_code, error, failure, block_worker, release_worker)
SELECT o.id, o.attempt, o.delay_seconds, o.error_code,
    dbjobs.json_text(JSON_QUERY(item.value, '$.error')), SUBSTRING(body.failure, 2, LEN(body.failure) - 2),
    o.block_worker, o.release_worker
FROM OPENJSON(@outcomes) AS item
CROSS APPLY OPENJSON(item.value) WITH (
    id bigint, attempt int, delay_seconds float, error_code nvarchar(510), block_worker bit, release_worker bit
) AS o
CROSS APPLY (SELECT JSON_QUERY(item.value, '$.failure') AS failure) AS body;

BEGIN TRANSACTION;
INSERT INTO @retried (id, worker, queue, command, state)
SELECT j.id, j.worker, j.queue, j.command, CASE WHEN o.delay_seconds > 0 THEN N'scheduled' ELSE N'queued' END
FROM @outcome AS o
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = o.id
WHERE j.attempt = o.attempt AND j.node_id = @node_id AND j.cancel_requested_at IS NULL;
UPDATE j
SET state = r.state,
    run_after = DATEADD(millisecond, CONVERT(int, (o.delay_seconds - FLOOR(o.delay_seconds / 86400) * 86400) * 1000),
        DATEADD(day, CONVERT(int, FLOOR(o.delay_seconds / 86400)), @now)),
    node_id = NULL, last_activity_at = @now, error_code = o.error_code, error = o.error,
    errors = CASE
        WHEN o.failure IS NULL THEN j.errors
        WHEN j.errors IS NULL THEN CONCAT(N'[', o.failure, N']')
        ELSE CONCAT(LEFT(j.errors, LEN(j.errors) - 1), N',', o.failure, N']')
    END
FROM @retried AS r
JOIN @outcome AS o ON o.id = r.id
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = r.id;
IF EXISTS (SELECT 1 FROM @retried WHERE worker IS NOT NULL)
BEGIN
    UPDATE w
    SET node_id = NULL, blocked_by = r.id
    FROM @retried AS r
    JOIN @outcome AS o ON o.id = r.id
    JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.worker = r.worker
    WHERE w.node_id = @node_id AND o.block_worker = 1 AND r.state = N'scheduled';
    DELETE w
    FROM @retried AS r
    JOIN @outcome AS o ON o.id = r.id
    JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.worker = r.worker
    WHERE w.node_id = @node_id
      AND (o.release_worker = 1 OR o.block_worker = 1)
      AND NOT (o.block_worker = 1 AND r.state = N'scheduled');
END;

INSERT INTO @count (queue, command, retried, row_id)
SELECT t.queue, t.command, t.retried, own.id
FROM (SELECT r.queue, r.command, COUNT(*) AS retried FROM @retried AS r GROUP BY r.queue, r.command) AS t
OUTER APPLY (
    SELECT TOP (1) s.id
    FROM dbjobs.job_stat AS s
        WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_stat_key))
    WHERE s.minute = @minute AND s.counter = @counter AND s.queue = t.queue AND s.command = t.command
) AS own;
UPDATE s
SET retried = s.retried + c.retried
FROM @count AS c
JOIN dbjobs.job_stat AS s WITH (ROWLOCK, FORCESEEK, INDEX (job_stat_pkey)) ON s.minute = @minute AND s.id = c.row_id;
INSERT INTO dbjobs.job_stat (minute, queue, command, counter, retried)
SELECT @minute, c.queue, c.command, @counter, c.retried
FROM @count AS c
WHERE c.row_id IS NULL;

SET @packed = (SELECT id FROM @retried ORDER BY id FOR JSON PATH);
COMMIT TRANSACTION;
SELECT @packed AS packed;
