-- Running jobs: their node hears of it by the notice, or by its next heartbeat.
WITH asked AS (
    UPDATE dbjobs.background_job
    SET cancel_requested_at = coalesce(cancel_requested_at, clock_timestamp())
    WHERE id = ANY (:ids::bigint[]) AND state IN ('started', 'executed')
    RETURNING id
)
SELECT id, pg_notify(:channel, 'cancel ' || id) AS noticed FROM asked;
