-- Deletes rows that this transaction inserted, because their ref_id turned out to be taken. Nobody else sees them.
-- READCOMMITTEDLOCK: it locks only these rows, at every isolation level of the caller's transaction.
DECLARE @ids nvarchar(max) = :ids;
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;
DELETE j
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (ROWLOCK, READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey))
    ON j.id = w.id;
