DECLARE @node_id bigint = :node_id;
SELECT id FROM dbjobs.background_job WHERE node_id = @node_id AND cancel_requested_at IS NOT NULL;
