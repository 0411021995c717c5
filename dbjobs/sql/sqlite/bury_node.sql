-- Buries a node whose lease has expired: from now on it can neither renew its lease nor claim, and any node may take
-- over what it holds. If the last heartbeat is in the future, the clock was set back. The lease then says nothing, and
-- the caller has watched for its whole length that nobody renewed it.
-- @nodes
UPDATE dbjobs_job_node
SET buried = 1
WHERE id = :node_id AND buried = 0
  AND (lease_expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now') OR last_seen_at > strftime('%Y-%m-%d %H:%M:%f', 'now'));

-- @nodes
SELECT :node_id AS id WHERE changes() > 0;
