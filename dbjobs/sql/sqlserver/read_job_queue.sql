-- Settings of queues, for a transfer: the page after a key (queue).
DECLARE @queue nvarchar(510) = :queue, @limit int = :limit;
SELECT TOP (@limit) *
FROM dbjobs.job_queue
WHERE queue > @queue
ORDER BY queue;
