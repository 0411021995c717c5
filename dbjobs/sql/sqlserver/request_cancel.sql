-- Running jobs: their node hears of it by its next heartbeat.
DECLARE @ids nvarchar(max) = :ids, @now datetime2(6) = SYSUTCDATETIME();
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @asked TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @asked (id)
SELECT j.id
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id
WHERE j.state IN (N'started', N'executed');
UPDATE j
SET cancel_requested_at = COALESCE(j.cancel_requested_at, @now)
FROM @asked AS a
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = a.id;
COMMIT TRANSACTION;
SELECT (SELECT id FROM @asked ORDER BY id FOR JSON PATH) AS packed;
