-- Hands attempts back without a charge: they were claimed but not run, or a shutdown interrupted them. The attempt's
-- number is still spent, so that (id, attempt, node_id) never comes again: the base from which tries are counted
-- moves instead.
WITH outcome AS (
    SELECT *
    FROM unnest(:outcomes.id::bigint[], :outcomes.attempt::integer[], :outcomes.release_worker::boolean[])
        AS o (id, attempt, release_worker)
), returned AS (
    UPDATE dbjobs.background_job j
    SET state = 'queued', attempt_base = j.attempt_base + 1, node_id = NULL, started_at = NULL,
        progress = NULL, status = NULL
    FROM outcome o
    WHERE j.id = ANY (:outcomes.id::bigint[])
      AND j.id = o.id
      AND j.attempt = o.attempt
      AND j.node_id IS NOT DISTINCT FROM :node_id
      AND j.cancel_requested_at IS NULL
    RETURNING j.id, j.worker, o.release_worker
), released AS (
    DELETE FROM dbjobs.job_worker
    WHERE worker = ANY (ARRAY(SELECT worker FROM returned WHERE release_worker)) AND node_id IS NOT DISTINCT FROM :node_id
)
SELECT id FROM returned;
