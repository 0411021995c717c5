-- Where does a look over `scan_limit` lanes end (claim_lanes)? No row: there are fewer. Runs only when a look found
-- less than it wanted: if all of those lanes are held, blocked or unknown here, the next look goes on after them.
WITH RECURSIVE lane (worker, looked_at) AS (
    SELECT (
        SELECT worker
        FROM dbjobs_background_job
        WHERE state = 'queued' AND worker IS NOT NULL AND worker > :after_worker
        ORDER BY worker
        LIMIT 1
    ), 1
    UNION ALL
    SELECT (
        SELECT following.worker
        FROM dbjobs_background_job following
        WHERE following.state = 'queued' AND following.worker IS NOT NULL AND following.worker > lane.worker
        ORDER BY following.worker
        LIMIT 1
    ), lane.looked_at + 1
    FROM lane
    WHERE lane.worker IS NOT NULL AND lane.looked_at < :scan_limit
)
SELECT worker FROM lane WHERE looked_at = :scan_limit AND worker IS NOT NULL;
