-- The heartbeat asks. READPAST: a job that is ending or being cancelled at this moment is not waited for; the next
-- heartbeat sees it.
DECLARE @node_id bigint = :node_id;
SELECT id
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE node_id = @node_id AND cancel_requested_at IS NOT NULL;
