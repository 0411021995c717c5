-- The keys of jobs that this transaction inserted; a key that exists already yields no row.
--
-- * It waits only for another open transaction that adds the very same key (only the end of that one tells whether the
--   key is free), and at most a second: then the key yields no row either, the caller looks again and comes back, and
--   the transaction is as good as before.
-- * An application lock per key, to the end of the transaction, decides between two. Violating the primary key would
--   end the transaction; locks on the gaps of its index would make enqueues of quite different keys wait.
-- * Lock names have at most 255 characters, so the hash of a long key is its name: two keys with the same beginning
--   must not wait for each other. Keys ignore trailing blanks, locks do not: hence RTRIM.
-- * Under the lock the look cannot meet an uncommitted row of this key. It keeps no lock (READCOMMITTEDLOCK).
-- * The month is the job's own; the row is ours, so its lock is ours.
DECLARE @refs nvarchar(max) = :refs, @packed nvarchar(max);
DECLARE @ref_id nvarchar(510) = N'', @resource nvarchar(255), @lock int;
DECLARE @wanted TABLE (
    ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED,
    job_id bigint NOT NULL
);
DECLARE @added TABLE (ref_id nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL);
INSERT INTO @wanted (ref_id, job_id)
SELECT r.ref_id COLLATE Latin1_General_100_BIN2, MIN(r.job_id)
FROM OPENJSON(@refs) WITH (ref_id nvarchar(510), job_id bigint) AS r
GROUP BY r.ref_id COLLATE Latin1_General_100_BIN2;

BEGIN TRANSACTION;
WHILE 1 = 1
BEGIN
    SELECT @ref_id = MIN(w.ref_id) FROM @wanted AS w;
    IF @ref_id IS NULL BREAK;
    SET @resource = CONCAT(N'ref_id of dbjobs.job_ref ', CASE
        WHEN DATALENGTH(RTRIM(@ref_id)) <= 300 THEN RTRIM(@ref_id)
        ELSE CONVERT(nvarchar(64), HASHBYTES('SHA2_256', RTRIM(@ref_id)), 2)
    END);
    EXEC @lock = sp_getapplock @Resource = @resource, @LockMode = N'Exclusive', @LockOwner = N'Transaction',
        @LockTimeout = 1000;
    IF @lock >= 0
        INSERT INTO dbjobs.job_ref (ref_id, job_id, month)
        OUTPUT inserted.ref_id INTO @added (ref_id)
        SELECT w.ref_id, w.job_id, YEAR(j.created_at) * 100 + MONTH(j.created_at)
        FROM @wanted AS w
        JOIN dbjobs.background_job AS j WITH (READCOMMITTEDLOCK, FORCESEEK, INDEX (background_job_pkey))
            ON j.id = w.job_id
        WHERE w.ref_id = @ref_id AND NOT EXISTS (
            SELECT 1
            FROM dbjobs.job_ref AS r WITH (READCOMMITTEDLOCK, FORCESEEK, INDEX (job_ref_pkey))
            WHERE r.ref_id = w.ref_id
        );
    DELETE FROM @wanted WHERE ref_id = @ref_id;
END;
SET @packed = (SELECT ref_id FROM @added FOR JSON PATH);
COMMIT TRANSACTION;
SELECT @packed AS packed;
