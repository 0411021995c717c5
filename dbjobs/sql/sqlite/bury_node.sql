-- A node whose lease is over is buried: from here on it can neither renew its lease nor claim, and any node may take
-- over what it holds.
UPDATE dbjobs_job_node
SET buried = 1
WHERE id = :node_id AND buried = 0 AND lease_expires_at <= strftime('%Y-%m-%d %H:%M:%f', 'now')
RETURNING id;
