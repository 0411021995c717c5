-- A lease on a named worker for a transient run that wants it over all nodes: as claim_lanes takes one, but without a job.
--
-- * job_worker's primary key decides between nodes. A row that is there is left as it is: the lane runs somewhere, or a job
--   that waits for its retry blocks it; the caller comes again.
-- * A node that is buried takes nothing more. The lease goes with the node's row, so the heartbeat keeps it, and a rescue
--   frees it when this process dies.
-- @nodes as alive
SELECT id
FROM dbjobs_job_node
WHERE id = :node_id AND buried = 0 AND lease_expires_at > strftime('%Y-%m-%d %H:%M:%f', 'now');

INSERT INTO dbjobs_job_worker (worker, node_id)
SELECT :worker, :node_id
WHERE EXISTS (SELECT 1 FROM json_each(:alive.id))
ON CONFLICT (worker) DO NOTHING
RETURNING worker;
