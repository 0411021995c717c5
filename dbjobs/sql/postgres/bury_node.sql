-- Buries a node whose lease has expired: from now on it can neither renew its lease nor claim, and any node may take
-- over what it holds. If the last heartbeat is in the future, the clock was set back. The lease then says nothing, and
-- the caller has watched for its whole length that nobody renewed it. FOR UPDATE conflicts with a claim in its name
-- (KEY SHARE), and SKIP LOCKED does not wait for that.
WITH dead AS (
    SELECT id
    FROM dbjobs.job_node
    WHERE id = :node_id AND NOT buried AND (lease_expires_at <= clock_timestamp() OR last_seen_at > clock_timestamp())
    FOR UPDATE SKIP LOCKED
)
UPDATE dbjobs.job_node
SET buried = true
WHERE id = ANY (ARRAY(SELECT id FROM dead))
RETURNING id;
