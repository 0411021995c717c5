-- No row: the node was buried, and others take over its jobs. It also renews an expired lease that nobody took over (a
-- clock that stepped, a machine that slept): the jobs are still the node's. Not RETURNING: between the row and the end
-- of the statement the file would stay locked while this thread waits for the interpreter.
-- @nodes
UPDATE dbjobs_job_node
SET last_seen_at = strftime('%Y-%m-%d %H:%M:%f', 'now'), info = :info,
    lease_expires_at = strftime('%Y-%m-%d %H:%M:%f', 'now', :lease_seconds || ' seconds')
WHERE id = :node_id AND buried = 0;

-- @nodes
SELECT :node_id AS id WHERE changes() > 0;
