-- Takes back rows that this transaction has inserted (their ref_id turned out to be in history).
DECLARE @ids nvarchar(max) = :ids;
DECLARE @wanted TABLE (id bigint NOT NULL PRIMARY KEY);
DECLARE @discarded TABLE (id bigint NOT NULL PRIMARY KEY, batch_id nvarchar(510) COLLATE Latin1_General_100_BIN2);
INSERT INTO @wanted (id) SELECT DISTINCT i.id FROM OPENJSON(@ids) WITH (id bigint '$') AS i;
BEGIN TRANSACTION;
INSERT INTO @discarded (id, batch_id)
SELECT j.id, j.batch_id
FROM @wanted AS w
JOIN dbjobs.background_job AS j WITH (UPDLOCK, ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = w.id;
DELETE j
FROM @discarded AS d
JOIN dbjobs.background_job AS j WITH (ROWLOCK, FORCESEEK, INDEX (background_job_pkey)) ON j.id = d.id;
UPDATE b
SET total = b.total - d.jobs
FROM (
    SELECT batch_id, COUNT(*) AS jobs FROM @discarded WHERE batch_id IS NOT NULL GROUP BY batch_id
) AS d
JOIN dbjobs.job_batch AS b WITH (ROWLOCK, FORCESEEK) ON b.batch_id = d.batch_id;
COMMIT TRANSACTION;
