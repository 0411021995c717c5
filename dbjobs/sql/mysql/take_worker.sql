-- Leases a named worker for a transient run that wants it across all nodes: as claim_lanes does, but without a job.
--
-- * job_worker's primary key decides between nodes. It does not touch an existing row, because somebody may have locked
--   it: the lane runs somewhere, or a job that waits for its retry blocks it; the caller comes again.
-- * A shared lock on our node's row: a node that is just being buried takes nothing more. The lease depends on that
--   row, so the heartbeat keeps it, and a rescue frees it if this process dies.
-- * A claim of our own node may take the same lane between the look and the insert. Its jobs then wait, in this
--   process, for the run to end, and give the lane back.
SELECT COUNT(*) INTO @alive
FROM dbjobs_job_node
WHERE id = :node_id AND lease_expires_at > UTC_TIMESTAMP(6) AND NOT buried
LOCK IN SHARE MODE;

SELECT COUNT(*) INTO @taken FROM dbjobs_job_worker FORCE INDEX (PRIMARY) WHERE worker = :worker;

INSERT INTO dbjobs_job_worker (worker, node_id)
SELECT wanted.worker, :node_id
FROM (SELECT :worker AS worker) wanted
WHERE @alive = 1 AND @taken = 0
ON DUPLICATE KEY UPDATE node_id = dbjobs_job_worker.node_id;

SELECT worker
FROM dbjobs_job_worker FORCE INDEX (PRIMARY)
WHERE worker = :worker AND node_id = :node_id AND @alive = 1 AND @taken = 0;
