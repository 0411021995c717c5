-- A node holds some hundreds of jobs at most: its line is read, and no index kept for the few that are to be cancelled.
SELECT id
FROM dbjobs_background_job FORCE INDEX (line)
WHERE line = CONCAT('n:', :node_id) AND cancel_requested_at IS NOT NULL;
