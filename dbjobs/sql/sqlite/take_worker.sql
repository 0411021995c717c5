-- Leases a named worker for a transient run that wants it across all nodes: as claim_lanes does, but without a job.
--
-- * job_worker's primary key decides between nodes. An existing row stays as it is: the lane runs somewhere, or a job
--   that waits for its retry blocks it; the caller comes again.
-- * A buried node takes nothing more. The lease depends on the node's row, so the heartbeat keeps it, and a rescue
--   frees it if this process dies.
-- @nodes as alive
SELECT id
FROM dbjobs_job_node
WHERE id = :node_id AND buried = 0 AND lease_expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now');

INSERT INTO dbjobs_job_worker (worker, node_id)
SELECT :worker, :node_id
WHERE EXISTS (SELECT 1 FROM json_each(:alive.id))
ON CONFLICT (worker) DO NOTHING
RETURNING worker;
