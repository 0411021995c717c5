-- Running jobs: their node hears of it by its next heartbeat.
UPDATE dbjobs_background_job
SET cancel_requested_at = coalesce(cancel_requested_at, strftime('%Y-%m-%d %H:%M:%f', 'now'))
WHERE id IN (SELECT value FROM json_each(:ids)) AND state IN ('started', 'executed')
RETURNING id;
