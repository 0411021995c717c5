-- Running jobs: their node hears of it by its next heartbeat.
-- @as asked
SELECT id FROM dbjobs_background_job WHERE id IN (:ids) AND state IN ('started', 'executed') ORDER BY id FOR UPDATE;

-- @if asked
UPDATE dbjobs_background_job
SET cancel_requested_at = COALESCE(cancel_requested_at, UTC_TIMESTAMP(6))
WHERE id IN (:asked.id);
