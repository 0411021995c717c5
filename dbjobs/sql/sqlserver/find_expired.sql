-- Jobs that should have started by now but have not. Once a job has started (in back-off, handed back, in its
-- callback), it no longer expires. background_job_expiry serves it. READPAST: it leaves rows that are locked or not
-- committed yet for the next look.
DECLARE @limit int = :limit;
SELECT TOP (@limit) id
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE expires_at <= SYSUTCDATETIME() AND attempt = 0 AND state IN (N'scheduled', N'waiting', N'queued')
ORDER BY expires_at;
