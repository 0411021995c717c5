-- A node holds some hundreds of jobs at most, so this reads its line; an index for the few to cancel would cost more.
SELECT id
FROM dbjobs_background_job FORCE INDEX (line)
WHERE line = CONCAT('n:', :node_id) AND cancel_requested_at IS NOT NULL;
