-- Jobs that should have started by now but have not. Once a job has started (in back-off, handed back, in its
-- callback), it no longer expires. background_job_expiry serves it. READPAST: rows in somebody's hands, or not
-- committed yet,
-- are left for the next look.
DECLARE @limit int = :limit;
SELECT TOP (@limit) id
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE expires_at <= SYSUTCDATETIME() AND attempt = 0 AND state IN (N'scheduled', N'waiting', N'queued')
ORDER BY expires_at;
