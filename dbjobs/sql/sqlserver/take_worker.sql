-- Leases a named worker for a transient run that wants it across all nodes: as claim_lanes does, but without a job.
--
-- * One node at a time takes leases (the same application lock as in claim_lanes, to the end of this batch): between
--   two that want the same lane job_worker's primary key would decide by an error. An existing row stays as it is: the
--   lane runs somewhere, or a job that waits for its retry blocks it; the caller comes again.
-- * An update lock on our own node row, as in claim_lanes: a buried node takes nothing more. The lease depends on that
--   row, so the heartbeat keeps it, and a rescue frees it if this process dies.
DECLARE @node_id bigint = :node_id, @worker nvarchar(510) = :worker, @lock int;
DECLARE @leased TABLE (worker nvarchar(510) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY NONCLUSTERED);
BEGIN TRANSACTION;
EXEC @lock = sp_getapplock @Resource = N'lanes of dbjobs.job_worker', @LockMode = N'Exclusive',
    @LockOwner = N'Transaction', @LockTimeout = 1000;
IF @lock >= 0 AND EXISTS (
    SELECT 1 FROM dbjobs.job_node WITH (UPDLOCK, ROWLOCK)
    WHERE id = @node_id AND lease_expires_at > SYSUTCDATETIME() AND buried = 0
)
    INSERT INTO dbjobs.job_worker (worker, node_id)
    OUTPUT inserted.worker INTO @leased (worker)
    SELECT n.worker, @node_id
    FROM (SELECT @worker COLLATE Latin1_General_100_BIN2 AS worker) AS n
    WHERE NOT EXISTS (SELECT 1 FROM dbjobs.job_worker AS w WHERE w.worker = n.worker);
COMMIT TRANSACTION;
SELECT worker FROM @leased;
