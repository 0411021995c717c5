-- Deletes the keys of months that have left the history (all up to this one, except those kept), some at a time. The
-- key of a live job stays. READPAST: a locked key stays for the next time. NOLOCK: a job that is just being changed or
-- inserted is alive.
DECLARE @month int = :month, @kept nvarchar(max) = :kept, @limit int = :limit;
DECLARE @old TABLE (ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
BEGIN TRANSACTION;
INSERT INTO @old (ref_id)
SELECT TOP (@limit) r.ref_id
FROM dbjobs.job_ref AS r WITH (UPDLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK, INDEX (job_ref_month))
WHERE r.month <= @month
  AND r.month NOT IN (SELECT k.month FROM OPENJSON(@kept) WITH (month int '$') AS k)
  AND NOT EXISTS (
    SELECT 1
    FROM dbjobs.background_job AS j WITH (NOLOCK, FORCESEEK, INDEX (background_job_pkey))
    WHERE j.id = r.job_id
);
DELETE r
FROM @old AS o
JOIN dbjobs.job_ref AS r WITH (ROWLOCK, FORCESEEK, INDEX (job_ref_pkey)) ON r.ref_id = o.ref_id;
COMMIT TRANSACTION;
SELECT COUNT(*) AS forgotten FROM @old;
