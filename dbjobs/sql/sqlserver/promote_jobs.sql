-- Makes due scheduled jobs ready. background_job_due serves it; nodes do not wait for each other (READPAST). A lane
-- that waited for one of these jobs is free again.
DECLARE @limit int = :limit, @now datetime2(6) = SYSUTCDATETIME(), @packed nvarchar(max);
DECLARE @promoted TABLE (
    id          bigint NOT NULL PRIMARY KEY,
    queue       nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    priority    int NOT NULL,
    worker      nvarchar(510) COLLATE Latin1_General_100_BIN2
);

BEGIN TRANSACTION;
INSERT INTO @promoted (id, queue, priority, worker)
SELECT TOP (@limit) j.id, j.queue, j.priority, j.worker
FROM dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_due))
WHERE j.state = N'scheduled' AND j.run_after <= @now
ORDER BY j.run_after;
UPDATE j
SET state = N'queued'
FROM @promoted AS p
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id;
IF EXISTS (SELECT 1 FROM @promoted WHERE worker IS NOT NULL)
    DELETE w
    FROM @promoted AS p
    JOIN dbjobs.job_worker AS w WITH (ROWLOCK, FORCESEEK) ON w.blocked_by = p.id
    WHERE w.blocked_by IS NOT NULL;
SET @packed = (
    SELECT id, queue, priority, worker FROM @promoted ORDER BY id FOR JSON PATH, INCLUDE_NULL_VALUES
);
COMMIT TRANSACTION;
SELECT @packed AS packed;
