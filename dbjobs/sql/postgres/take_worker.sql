-- Leases a named worker for a transient run that wants it across all nodes: as claim_lanes does, but without a job.
--
-- * job_worker's primary key decides between nodes. An existing row stays as it is: the lane runs somewhere, or a job
--   that waits for its retry blocks it; the caller comes again.
-- * A shared lock on our node's row: a node that is just being buried takes nothing more. The lease depends on that
--   row, so the heartbeat keeps it, and a rescue frees it if this process dies.
WITH me AS (
    SELECT id FROM dbjobs.job_node
    WHERE id = :node_id AND lease_expires_at > clock_timestamp() AND NOT buried
    FOR KEY SHARE SKIP LOCKED
)
INSERT INTO dbjobs.job_worker (worker, node_id)
SELECT :worker::text, me.id FROM me
ON CONFLICT (worker) DO NOTHING
RETURNING worker;
