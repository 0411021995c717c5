-- A lease on a named worker for a transient run that wants it over all nodes: as claim_lanes takes one, but without a job.
--
-- * job_worker's primary key decides between nodes. A row that is there is left as it is: the lane runs somewhere, or a job
--   that waits for its retry blocks it; the caller comes again.
-- * Our node's row, shared: a node that is buried at this moment takes nothing more. The lease goes with that row, so the
--   heartbeat keeps it, and a rescue frees it when this process dies.
WITH me AS (
    SELECT id FROM dbjobs.job_node
    WHERE id = :node_id AND lease_expires_at > clock_timestamp() AND NOT buried
    FOR KEY SHARE SKIP LOCKED
)
INSERT INTO dbjobs.job_worker (worker, node_id)
SELECT :worker::text, me.id FROM me
ON CONFLICT (worker) DO NOTHING
RETURNING worker;
