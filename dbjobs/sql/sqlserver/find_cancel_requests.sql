-- The heartbeat asks. READPAST: it does not wait for a job that is just ending or being cancelled; the next
-- heartbeat sees it.
DECLARE @node_id bigint = :node_id;
SELECT id
FROM dbjobs.background_job WITH (READPAST, READCOMMITTEDLOCK)
WHERE node_id = @node_id AND cancel_requested_at IS NOT NULL;
