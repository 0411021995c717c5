-- Where does a look over so many lanes end (claim_lanes)? No row: there are fewer. Asked only when a look found
-- less than it wanted: when all of those lanes are held, blocked or unknown here, the next look goes on behind them.
WITH RECURSIVE lane (worker, looked_at) AS (
    SELECT (
        SELECT worker
        FROM dbjobs_background_job FORCE INDEX (line)
        WHERE line > CONCAT('w:', :after_worker) AND line < 'w;'
        ORDER BY line
        LIMIT 1
    ), 1
    UNION ALL
    SELECT (
        SELECT following.worker
        FROM dbjobs_background_job following FORCE INDEX (line)
        WHERE following.line > CONCAT('w:', lane.worker) AND following.line < 'w;'
        ORDER BY following.line
        LIMIT 1
    ), lane.looked_at + 1
    FROM lane
    WHERE lane.worker IS NOT NULL AND lane.looked_at < :scan_limit
)
SELECT worker FROM lane WHERE looked_at = :scan_limit AND worker IS NOT NULL;
