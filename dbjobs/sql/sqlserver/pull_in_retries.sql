-- Retries scheduled while the database's clock was ahead, before it was set back: they went into back-off at a moment
-- still to come. Their back-off starts again from now. Not jobs with a time from a caller (they have not run yet): that
-- time stands. Runs only after a step, one slice of the live jobs by id at a time, because no index has these moments.
-- It finds them without locks (NOLOCK), then locks by key. READPAST: it skips locked jobs.
DECLARE @step_seconds float = :step_seconds, @after_id bigint = :after_id, @limit int = :limit;
DECLARE @now datetime2(6) = SYSUTCDATETIME(), @jobs int, @last_id bigint;
DECLARE @since datetime2(6) = DATEADD(millisecond, CONVERT(int, @step_seconds * 1000), @now);
DECLARE @ahead TABLE (id bigint NOT NULL PRIMARY KEY);

SELECT @last_id = MAX(slice.id)
FROM (
    SELECT TOP (@limit) id
    FROM dbjobs.background_job WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey))
    WHERE id > @after_id
    ORDER BY id
) AS slice;
INSERT INTO @ahead (id)
SELECT j.id
FROM dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey))
WHERE j.id > @after_id AND j.id <= @last_id
  AND j.state = N'scheduled' AND j.attempt > 0 AND j.last_activity_at > @since;
BEGIN TRANSACTION;
UPDATE j
SET run_after = DATEADD(second, -DATEDIFF(second, @now, j.last_activity_at), j.run_after), last_activity_at = @now
FROM @ahead AS a
JOIN dbjobs.background_job AS j
    WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey))
    ON j.id = a.id
WHERE j.state = N'scheduled' AND j.last_activity_at > @since;
SET @jobs = @@ROWCOUNT;
COMMIT TRANSACTION;
SELECT @jobs AS jobs, @last_id AS last_id;
