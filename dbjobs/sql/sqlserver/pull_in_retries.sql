-- Retries that were scheduled while the database's clock stood ahead, before it was set back: they went into back-off at a
-- moment that is still to come. They get their back-off from now on. Not jobs whose time a caller has given (they have not
-- run yet): that moment is what it says. Asked once after a step and at the start of a node, so a look along all
-- scheduled jobs will do (background_job_due). READPAST: a job that somebody has locked is passed by.
DECLARE @step_seconds float = :step_seconds, @limit int = :limit, @now datetime2(6) = SYSUTCDATETIME(), @jobs int;
DECLARE @ahead TABLE (id bigint NOT NULL PRIMARY KEY);

BEGIN TRANSACTION;
INSERT INTO @ahead (id)
SELECT TOP (@limit) j.id
FROM dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_due))
WHERE j.state = N'scheduled' AND j.attempt > 0
  AND j.last_activity_at > DATEADD(millisecond, CONVERT(int, @step_seconds * 1000), @now)
ORDER BY j.run_after;
UPDATE j
SET run_after = DATEADD(second, -DATEDIFF(second, @now, j.last_activity_at), j.run_after), last_activity_at = @now
FROM @ahead AS a
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = a.id;
SET @jobs = @@ROWCOUNT;
COMMIT TRANSACTION;
SELECT @jobs AS jobs;
