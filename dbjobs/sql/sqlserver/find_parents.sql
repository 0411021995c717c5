-- Are these jobs alive (state is NULL), or how did they end? It locks nothing, waits for nothing and keeps no lock, at
-- any isolation level of the caller's transaction. resolve_children deals with what happens to a parent afterwards.
--
-- No snapshot sees both tables, so the looks follow the way of a job (its end inserts it into history and then deletes
-- it here; a requeue inserts it here and then deletes it there): 1. A row that NOLOCK sees here is alive, or was a
-- moment ago: waiting for its end is right, and the sweep takes care. 2. A committed row in history (READPAST) has
-- ended. 3. An uncommitted row in history (NOLOCK) is moving: alive, as far as anybody can know. 4. A job requeued
-- between the first look and the third is here now. A job that none of them sees does not exist.
DECLARE @ids nvarchar(max) = :ids;
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @found TABLE (id bigint NOT NULL PRIMARY KEY, state nvarchar(20) COLLATE Latin1_General_100_BIN2);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;

INSERT INTO @found (id, state)
SELECT w.id, NULL
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id;
DELETE w FROM @wanted AS w WHERE EXISTS (SELECT 1 FROM @found AS f WHERE f.id = w.id);
IF EXISTS (SELECT 1 FROM @wanted)
BEGIN
    INSERT INTO @found (id, state)
    SELECT w.id, MIN(e.state)
    FROM @wanted AS w
    CROSS APPLY (
        SELECT c.state FROM dbjobs.completed_job AS c WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) WHERE c.id = w.id
        UNION ALL
        SELECT f.state FROM dbjobs.failed_job AS f WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK) WHERE f.id = w.id
    ) AS e
    GROUP BY w.id;
    DELETE w FROM @wanted AS w WHERE EXISTS (SELECT 1 FROM @found AS f WHERE f.id = w.id);
END;
IF EXISTS (SELECT 1 FROM @wanted)
BEGIN
    INSERT INTO @found (id, state)
    SELECT DISTINCT w.id, NULL
    FROM @wanted AS w
    CROSS APPLY (
        SELECT c.id FROM dbjobs.completed_job AS c WITH (NOLOCK, FORCESEEK) WHERE c.id = w.id
        UNION ALL
        SELECT f.id FROM dbjobs.failed_job AS f WITH (NOLOCK, FORCESEEK) WHERE f.id = w.id
    ) AS moving;
    DELETE w FROM @wanted AS w WHERE EXISTS (SELECT 1 FROM @found AS f WHERE f.id = w.id);
    INSERT INTO @found (id, state)
    SELECT w.id, NULL
    FROM @wanted AS w
    JOIN dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id;
END;
SELECT (SELECT id, state FROM @found ORDER BY id FOR JSON PATH, INCLUDE_NULL_VALUES) AS packed;
