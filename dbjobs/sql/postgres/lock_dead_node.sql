-- One node whose lease is over, for us alone to bury. FOR UPDATE waits for no claim in its name and
-- admits none from here on (claims hold the row with KEY SHARE).
SELECT id
FROM dbjobs.job_node
WHERE lease_expires_at <= clock_timestamp()
ORDER BY id
LIMIT 1
FOR UPDATE SKIP LOCKED;
