-- No row: the node was buried, and others take over its jobs. It also renews an expired lease that nobody took over
-- (a clock that stepped, a machine that slept): the jobs are still the node's.
UPDATE dbjobs.job_node
SET last_seen_at = clock_timestamp(), info = :info::jsonb,
    lease_expires_at = clock_timestamp() + :lease_seconds::double precision * interval '1 second'
WHERE id = :node_id AND NOT buried
RETURNING id;
