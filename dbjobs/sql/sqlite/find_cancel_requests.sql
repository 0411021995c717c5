-- background_job_cancel serves it.
SELECT id FROM dbjobs_background_job WHERE node_id = :node_id AND cancel_requested_at IS NOT NULL;
