-- Lanes that a retry blocks (lanes held by a node stay behind), for a transfer: the page after a key (worker).
DECLARE @worker nvarchar(510) = :worker, @limit int = :limit;
SELECT TOP (@limit) worker, blocked_by
FROM dbjobs.job_worker
WHERE worker > @worker AND blocked_by IS NOT NULL
ORDER BY worker;
