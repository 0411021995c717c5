-- Running jobs: their node hears of it by its next heartbeat.
DECLARE @ids nvarchar(max) = :ids, @now datetime2(6) = SYSUTCDATETIME();
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @asked TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;
UPDATE j
SET cancel_requested_at = COALESCE(j.cancel_requested_at, @now)
OUTPUT inserted.id INTO @asked (id)
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id
WHERE j.state IN (N'started', N'executed');
SELECT (SELECT id FROM @asked ORDER BY id FOR JSON PATH) AS packed;
