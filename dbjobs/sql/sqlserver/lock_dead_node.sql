-- One node whose lease is over, for us alone to bury. The exclusive lock waits for no claim in its name (READPAST: such
-- a node is left for the next look) and admits none from here on (claims lock the row).
SELECT TOP (1) id
FROM dbjobs.job_node WITH (XLOCK, READPAST, ROWLOCK, READCOMMITTEDLOCK)
WHERE lease_expires_at <= SYSUTCDATETIME()
ORDER BY id;
