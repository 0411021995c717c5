-- Which of these ref_ids exist? job_ref has those of live jobs and of history. In a caller's transaction this keeps no
-- lock at any isolation level, and sees rows committed after its snapshot: READCOMMITTEDLOCK. READPAST: it skips a key
-- that another open transaction inserted; add_refs is the one that waits for it. A key comes back
-- as the caller wrote it: N'a ' finds what is stored as N'a'.
DECLARE @ref_ids nvarchar(max) = :ref_ids;
DECLARE @wanted TABLE (ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
INSERT INTO @wanted (ref_id)
SELECT DISTINCT r.ref_id COLLATE Latin1_General_100_BIN2 FROM OPENJSON(@ref_ids) WITH (ref_id nvarchar(510) '$') AS r;
SELECT w.ref_id, r.job_id
FROM @wanted AS w
JOIN dbjobs.job_ref AS r WITH (READPAST, READCOMMITTEDLOCK, FORCESEEK, INDEX (job_ref_pkey)) ON r.ref_id = w.ref_id;
