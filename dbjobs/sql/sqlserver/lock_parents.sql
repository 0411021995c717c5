-- A child is about to depend on these. The lock (taken in id order) and the flag decide the race with a
-- parent that is finishing: either its finish waits for us and then sees the flag, or we wait for it and
-- find no row here; the caller then looks into history with a new statement.
DECLARE @ids nvarchar(max) = :ids;
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @parent TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

BEGIN TRANSACTION;
INSERT INTO @parent (id)
SELECT j.id
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id;
UPDATE j
SET has_dependents = 1
FROM @parent AS p
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = p.id;
COMMIT TRANSACTION;
SELECT (SELECT id FROM @parent ORDER BY id FOR JSON PATH) AS packed;
