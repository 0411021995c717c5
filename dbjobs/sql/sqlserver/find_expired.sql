-- Jobs that have not started in time. background_job_expiry serves it. READPAST: whoever has such a row in hand, or has
-- not committed it yet, is not waited for.
DECLARE @limit int = :limit;
SELECT TOP (@limit) id
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE expires_at <= SYSUTCDATETIME() AND node_id IS NULL AND state IN (N'scheduled', N'waiting', N'queued')
ORDER BY expires_at;
