-- Hands attempts back without a charge: they were claimed but not run, or a shutdown interrupted them. The attempt's
-- number is still spent, so that (id, attempt, node_id) never comes again: the base from which tries are counted
-- moves instead.
-- @each outcomes as returned
UPDATE dbjobs_background_job
SET state = 'queued', attempt_base = attempt_base + 1, node_id = NULL, started_at = NULL, progress = NULL,
    status = NULL
WHERE id = :id AND attempt = :attempt AND node_id = :node_id AND cancel_requested_at IS NULL
RETURNING id, worker, :release_worker AS release_worker;

-- @each returned where release_worker
DELETE FROM dbjobs_job_worker WHERE worker = :worker AND node_id = :node_id;
