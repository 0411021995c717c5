-- One node whose lease is over, for us alone to bury. The lock waits for no claim in its name and admits none from
-- here on (claims hold the row with a shared lock).
SELECT id
FROM dbjobs_job_node
WHERE lease_expires_at <= UTC_TIMESTAMP(6)
ORDER BY id
LIMIT 1
FOR UPDATE SKIP LOCKED;
