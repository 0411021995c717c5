-- Where does a look over `scan_limit` lanes end (claim_lanes)? No row: there are fewer. Runs only when a look found
-- less than it wanted: if all of those lanes are held, blocked or unknown here, the next look goes on after them.
WITH RECURSIVE lane AS (
    (
        SELECT worker, 1 AS looked_at
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NOT NULL AND worker > :after_worker
        ORDER BY worker, priority, id
        LIMIT 1
    )
    UNION ALL
    SELECT following.worker, lane.looked_at + 1
    FROM lane
    CROSS JOIN LATERAL (
        SELECT worker
        FROM dbjobs.background_job
        WHERE state = 'queued' AND worker IS NOT NULL AND worker > lane.worker
        ORDER BY worker, priority, id
        LIMIT 1
    ) following
    WHERE lane.looked_at < :scan_limit::integer
)
SELECT worker FROM lane WHERE looked_at = :scan_limit::integer;
