-- Where does a look over `scan_limit` lanes end (claim_lanes)? No row: there are fewer. Runs only when a look found
-- less than it wanted: if all of those lanes are held, blocked or unknown here, the next look goes on after them.
SELECT SUBSTRING(MAX(line), 3) AS worker
FROM (
    SELECT line
    FROM dbjobs_background_job FORCE INDEX (line)
    WHERE line > CONCAT('w:', :after_worker) AND line < 'w;'
    GROUP BY line
    ORDER BY line
    LIMIT :scan_limit
) lane
HAVING COUNT(*) = :scan_limit;
